"""Leak hunt: the verdict, and the evidence for it and against the others."""

from __future__ import annotations

from ..board import Board
from ..panels import GREEN, ORANGE, RED, Column, Query, Row, lines, stat, table
from ..promql import by, chosen, highest, increase, quantile, ranked, top_rates
from ..thresholds import THRESHOLDS
from .common import VERDICT_TEXTS, sessions_by_state, verdict_number, verdict_timeline

SWEEP = chosen("bokeh_session_cleanup_last_completed_timestamp_seconds")
ALLOWED = (f"{THRESHOLDS['linger_factor']} * ({by('max', '', chosen('bokeh_server_unused_session_lifetime_seconds'))}"
           f" + {by('max', '', chosen('bokeh_server_session_check_interval_seconds'))})")  # fmt: skip
GIVEN_OUT = chosen("bokeh_memory_malloc_bytes", state="=~in_use|mmapped")
UNUSED = (f"{by('sum', 'pod, instance', chosen('bokeh_memory_malloc_resident_bytes'))} - "
          f"{by('sum', 'pod, instance', chosen('bokeh_memory_malloc_bytes', state='in_use'))}")  # fmt: skip
EXPLAIN = "`bokeh-exporter explain URL` names what refers to it."


def floor(vector: str) -> str:
    """Return a level without its saw teeth, as the alerts look at it."""
    return f"min_over_time(({vector})[30m:1m])"


VERDICT = Row("The verdict", [
    stat("Verdict", "If it is not *healthy*: each row below is the evidence for one verdict. Of several servers the "
         "worst is shown.", Query(verdict_number("")), mappings=[VERDICT_TEXTS], width=6, height=5, unit="short"),
    verdict_timeline(width=18),
])  # fmt: skip

LINGERING = Row("lingering_sessions: do sessions outlive their browsers?", [
    sessions_by_state(),
    lines("Longest time without a browser",
          "If it passes the dashed line (three times lifetime and check interval): sessions linger. If *blocked* climbs "
          "as well: a callback holds the document lock.",
          Query(by("max", "app", chosen("bokeh_session_unused_age_max_seconds")), "{{app}}"),
          Query(by("max", "app", chosen("bokeh_session_expiration_blocked_age_max_seconds")) + " > 0", "{{app}} blocked"),
          Query(ALLOWED, "allowed")),
    lines("Since the sweep last finished",
          "If it climbs: the sweep hangs in a session-destroyed hook, and no session is discarded any more.",
          Query(by("max", "pod, instance", f"timestamp({SWEEP}) - {SWEEP}"), "{{pod}} {{instance}}"), unit="s"),
])  # fmt: skip

CLEANUP = Row("From the last browser to freed memory: three parts", [
    lines("1. Linger: until destroy starts", "If it rises: long lifetime, blocked sessions or a late sweep.",
          Query(quantile(0.5, chosen("bokeh_session_linger_duration_seconds_bucket")), "p50"),
          Query(quantile(0.95, chosen("bokeh_session_linger_duration_seconds_bucket")), "p95")),
    lines("2. Destroy: on the loop", "If it rises: destroy hooks, and Bokeh's search of the whole heap.",
          Query(quantile(0.5, chosen("bokeh_session_destroy_duration_seconds_bucket")), "p50"),
          Query(quantile(0.95, chosen("bokeh_session_destroy_duration_seconds_bucket")), "p95")),
    lines("3. Collect: until freed", "If it rises: destroyed sessions wait for the garbage collector; minutes are normal "
          "under Panel, hours are not.",
          Query(quantile(0.5, chosen("bokeh_session_collect_duration_seconds_bucket")), "p50"),
          Query(quantile(0.95, chosen("bokeh_session_collect_duration_seconds_bucket")), "p95")),
])  # fmt: skip

RETAINED = Row("retained_sessions: do destroyed sessions stay?", [
    lines("Destroyed sessions still in memory",
          f"If *retained* climbs with the visits: a leak. {EXPLAIN} *pending* waits for the collector, and one retained "
          "session per app is normal.",
          Query(by("sum", "app", chosen("bokeh_sessions_uncollected", state="retained")) + " > 0", "retained {{app}}"),
          Query(by("sum", "", chosen("bokeh_sessions_uncollected", state="pending")), "pending, all apps")),
    lines("Their models still in memory",
          f"If *retained* climbs although no session is retained: models alone are held, by a figure in a list or a "
          f"watcher on a global object. {EXPLAIN}",
          Query(by("sum", "app", chosen("bokeh_models_uncollected", state="retained")) + " > 0", "retained {{app}}"),
          Query(by("sum", "", chosen("bokeh_models_uncollected", state="pending")), "pending, all apps")),
    lines("Retained against destroyed",
          "If both climb side by side: each visit leaves something. If *retained* stays flat: no leak, whatever memory does.",
          Query(by("sum", "", increase(chosen("bokeh_sessions_destroyed_total"), "$__range")), "destroyed in this range"),
          Query(by("sum", "", chosen("bokeh_sessions_uncollected", state="retained")), "retained"), unit="short"),
    stat("Oldest of them", "If it is hours: it is held; if minutes: no full collection has run yet.",
         Query(by("max", "", chosen("bokeh_session_uncollected_age_max_seconds"))), width=4, unit="s", decimals=0),
    stat("Last full collection", "If it is long ago: *pending* says little; wait, or ask `bokeh-exporter explain`.",
         Query(by("max", "", "time() - " + chosen("bokeh_python_gc_last_full_collection_timestamp_seconds"))), width=4,
         unit="s", decimals=0, none="none yet", empty=True),
    stat("App modules", "If it rises with the visits: Bokeh cannot free the modules of app scripts; something holds them.",
         Query(by("sum", "", chosen("bokeh_app_modules"))), width=4),
    stat("Referrer warnings", "If it rises: Bokeh saw extra referrers of a module. It warns of harmless apps too.",
         Query(by("sum", "", increase(chosen("bokeh_module_referrer_warnings_total"), "$__range"))), width=4, unit="short",
         decimals=0),
    stat("Views that Panel keeps", "If it rises with the visits: `panel.state._views` is not emptied.",
         Query(by("sum", "", chosen("panel_views"))), width=4, none="no Panel", empty=True),
    stat("Classes known to Bokeh", "If it rises with the visits: components are defined in the app script; put them in a module.",
         Query(by("max", "", chosen("bokeh_known_models"))), width=4),
])  # fmt: skip

SESSION = Row("session_growth: does a live session grow?", [
    lines("Models alive", "If *in documents* climbs with a flat number of sessions: a callback adds and never removes. If "
          "*all* climbs and *in documents* does not: models are made and never added.",
          Query(by("sum", "", chosen("bokeh_models")), "all"),
          Query(by("sum", "", chosen("bokeh_document_models")), "in documents"),
          Query(by("max", "", chosen("bokeh_document_models_max")), "largest document"), width=6),
    lines("Registered callbacks", "If it rises per session: `add_periodic_callback` runs again and again.",
          Query(by("sum", "app, kind", chosen("bokeh_session_callbacks")) + " > 0", "{{app}} {{kind}}"), width=6,
          empty=True),
    lines("Data in sources (opt-in)", "If it climbs: `stream()` without `rollover`. Needs `BOKEH_EXPORTER_COLLECT=all`.",
          Query(by("sum", "app", chosen("bokeh_data_source_size_bytes")), "{{app}}"), width=6, empty=True),
    lines("asyncio tasks", "If it climbs: tasks that never end, one per event.",
          Query(by("sum", "pod, instance", chosen("bokeh_asyncio_tasks")), "{{pod}} {{instance}}"), width=6),
    lines("Models in no document", "If one class climbs: a callback creates it and the app keeps it, such as an undo list.",
          Query(ranked(10, "model", by("sum", "model", chosen("bokeh_models_orphaned")),
                       by("sum", "model", highest(chosen("bokeh_models_orphaned"))) + " > 0"), "{{model}}"),
          width=12, many=True, empty=True),
    lines("Models made in callbacks", "If it is high: output is rebuilt on each event instead of updated; see Elements.",
          Query(top_rates("app, model", chosen("bokeh_models_created_total", phase="update")), "{{app}} {{model}}"),
          width=12, many=True, empty=True),
])  # fmt: skip

PROCESS = Row("process_growth and fragmentation: what kind of memory is it?", [
    lines("Resident memory and its floor", "If the floor climbs without more sessions: a leak. Peaks alone are none.",
          Query(by("sum", "pod, instance", chosen("bokeh_memory_rss_bytes")), "{{pod}} {{instance}}"),
          Query(floor(by("sum", "", chosen("bokeh_memory_rss_bytes"))), "floor of all"), width=6),
    lines("Python's blocks and their floor", "If the floor climbs: Python objects. If it is flat while malloc climbs: arrays, "
          "data frames or native code.",
          Query(by("sum", "pod, instance", chosen("bokeh_python_allocated_blocks")), "{{pod}} {{instance}}"),
          Query(floor(by("sum", "", chosen("bokeh_python_allocated_blocks"))), "floor of all"), unit="short", width=6),
    lines("Memory allocated by malloc", "If it climbs while Python's blocks are flat: buffers or native code. "
          "`bokeh-exporter capture URL` says which.",
          Query(by("sum", "pod, instance", GIVEN_OUT), "{{pod}} {{instance}}"), Query(floor(by("sum", "", GIVEN_OUT)), "floor of all"), unit="bytes",
          width=6),
    lines("Freed but kept by malloc", "If it is more than half of malloc's resident memory, and over 256 MiB: fragmentation. "
          "`MALLOC_ARENA_MAX=2`, jemalloc, or the exporter's trim.",
          Query(UNUSED, "{{pod}} {{instance}}"),
          Query(by("sum", "", chosen("bokeh_memory_malloc_resident_bytes")), "malloc's resident, all"), unit="bytes",
          minimum=None, width=6),
    lines("Attributed growth since start", "If one activity climbs: memory grows while it runs. Use it to rank only. "
          "*unattributed*: several ran at once, or none.",
          Query(ranked(10, "app, activity", by("sum", "app, activity", chosen("bokeh_memory_attributed_bytes")),
                       by("sum", "app, activity", highest(chosen("bokeh_memory_attributed_bytes"))) + " > 0"),
                "{{app}} {{activity}}"), minimum=None, width=12, many=True),
    lines("Container against resident", "If the container grows and the process does not: page cache, tmpfs or another process.",
          Query(by("max", "", chosen("bokeh_cgroup_memory_usage_bytes")), "container"),
          Query(by("max", "", chosen("bokeh_cgroup_memory_inactive_file_bytes")), "of it page cache"),
          Query(by("sum", "", chosen("bokeh_memory_rss_bytes")), "resident"), width=12, empty=True),
])  # fmt: skip

CALLS = "bokeh_callback_calls_total"
RANKED = Row("Which callback?", [
    table("Callbacks, ranked", "If one is called or fails far more than you expect: begin there. Net blocks need "
          "`BOKEH_EXPORTER_COLLECT=all`.",
          {"app": "App", "callback": "Callback"},
          [
              Column(f"topk(25, {by('sum', 'app, callback', increase(chosen('bokeh_callback_busy_seconds_total'), '$__range'))})",
                     "Time", "s", 2),
              Column(by("sum", "app, callback", increase(chosen(CALLS), "$__range")), "Calls", decimals=0),
              Column(by("sum", "app, callback", increase(chosen("bokeh_callback_errors_total"), "$__range")), "Errors",
                     decimals=0, steps=((None, GREEN), (1, RED))),
              Column(by("sum", "app, callback", chosen("bokeh_callback_net_blocks")), "Net blocks", decimals=0,
                     steps=((None, GREEN), (100_000, ORANGE))),
          ], width=24, height=8, sort="Time"),
])  # fmt: skip

BOARD = Board(
    "bokeh-leak-hunt", "Bokeh: Leak hunt",
    "Why memory goes up: the verdict, and a row of evidence for each verdict that it could be.",
    [VERDICT, LINGERING, CLEANUP, RETAINED, SESSION, PROCESS, RANKED],
)  # fmt: skip
