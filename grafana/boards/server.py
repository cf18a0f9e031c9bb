"""Server: sessions and callbacks by rate, errors and duration; loop, threads, memory and container by use."""

from __future__ import annotations

from ..board import Board
from ..panels import GREEN, ORANGE, RED, Column, Query, Row, lines, mapping, stat, table
from ..promql import by, chosen, increase, per_pod, quantile, rate, top_rates
from ..thresholds import THRESHOLDS
from .common import VERDICT_TEXTS, sessions_by_state, verdict_number, verdict_timeline

LAG = THRESHOLDS["lag_p99"].value
STALL = THRESHOLDS["stall_age"].value


def quantiles(metric: str, title: str = "", labels: str = "", **select: str) -> list[Query]:
    """Return the median and the 95th and 99th percentile of a histogram."""
    bucket = chosen(f"{metric}_bucket", **select)
    suffix = f" {{{{{labels}}}}}" if labels else ""
    return [Query(quantile(q, bucket, labels), f"{title}p{100 * q:.0f}{suffix}") for q in (0.5, 0.95, 0.99)]


TICK = chosen("bokeh_event_loop_last_tick_timestamp_seconds")
HOOK = chosen("bokeh_exporter_hook_enabled")

NOW = Row("Now", [
    stat("Verdict", "If it is not *healthy*: open Leak hunt. Of several servers the worst is shown.",
         Query(verdict_number("")), mappings=[VERDICT_TEXTS], width=5, unit="short"),
    stat("Connected", "If it falls to 0 in working hours: nobody can connect.",
         Query(by("sum", "", chosen("bokeh_sessions", state="connected")))),
    stat("Without a browser", "If it rises and stays: sessions linger; open Leak hunt.",
         Query(by("sum", "", chosen("bokeh_sessions", state="=~unused|blocked")))),
    stat("Resident memory", "If it rises without more sessions: open Leak hunt.",
         Query(by("sum", "", chosen("bokeh_memory_rss_bytes"))), decimals=1),
    stat("Last tick", "If it is over 10 s: a callback blocks the loop. `/debug/stacks` names it.",
         Query(by("max", "", f"timestamp({TICK}) - {TICK}")), unit="s", decimals=1, steps=((None, GREEN), (STALL, RED))),
    stat("Stalls", "If it rises: the loop was blocked for over 5 s; the log names the function.",
         Query(by("sum", "", increase(chosen("bokeh_event_loop_stalls_total"), "$__range"))), unit="short", decimals=0,
         steps=((None, GREEN), (1, RED))),
    stat("Working hooks", "If it is not 100 %: metrics are missing; the exporter's log names the hooks.",
         Query(by("avg", "", HOOK)), unit="percentunit", decimals=0, steps=((None, RED), (1, GREEN)), width=4),
    verdict_timeline(),
])  # fmt: skip

SESSIONS = Row("Sessions: rate, errors, duration", [
    sessions_by_state(),
    lines("Created and destroyed", "If created stays above destroyed: sessions pile up; see the state to the left.",
          Query(by("sum", "", rate(chosen("bokeh_sessions_created_total"))), "created"),
          Query(by("sum", "reason", rate(chosen("bokeh_sessions_destroyed_total"))), "destroyed: {{reason}}"),
          Query(by("sum", "", rate(chosen("bokeh_sessions_never_connected_total"))), "of them never connected")),
    lines("Failed creations", "If it rises: users see an error page, or an empty one under Panel. The log has the traceback.",
          Query(by("sum", "step", rate(chosen("bokeh_session_create_errors_total"))), "{{step}}"), zero=True),
    lines("Time to build a session", "If it rises: users wait for the page; what does the app load for each visitor?",
          *quantiles("bokeh_session_create_duration_seconds")),
    lines("Lifetime and linger", "If linger is far above the configured lifetime: the sweep is late or sessions are blocked.",
          Query(quantile(0.5, chosen("bokeh_session_duration_seconds_bucket")), "lifetime p50"),
          Query(quantile(0.95, chosen("bokeh_session_linger_duration_seconds_bucket")), "linger p95")),
    lines("Destroying a session", "If it rises: each ending session blocks everyone that long; the heap has grown.",
          *quantiles("bokeh_session_destroy_duration_seconds")),
])  # fmt: skip

CALLBACKS = Row("Callbacks and requests: rate, errors, duration", [
    lines("Callbacks", "If one kind jumps: timers add up, or a widget sends while it is dragged (throttle it).",
          Query(by("sum", "kind", rate(chosen("bokeh_callback_duration_seconds_count"))), "{{kind}}")),
    lines("Callback duration, p95", "If it passes half a second: users wait. Move the work to a thread.",
          Query(quantile(0.95, chosen("bokeh_callback_duration_seconds_bucket"), "kind"), "{{kind}}"),
          limits=[(LAG, RED)]),
    lines("Wait for the document lock", "If it rises: callbacks of one session queue; one of them is slow or stuck.",
          *quantiles("bokeh_document_lock_wait_seconds")),
    lines("Time that the document lock is held", "If it is long: everything else in that session waits; do less at once.",
          *quantiles("bokeh_document_lock_held_seconds")),
    lines("Busiest callbacks", "If one takes most: make that one faster. 100 % is one callback all the time.",
          Query(top_rates("app, callback", chosen("bokeh_callback_busy_seconds_total")), "{{app}} {{callback}}"),
          width=12, many=True),
    lines("Failed callbacks", "If it rises: clicks do nothing. The log has the traceback.",
          Query(top_rates("app, callback", chosen("bokeh_callback_errors_total")), "{{app}} {{callback}}"),
          width=12, many=True, zero=True),
    lines("Registered callbacks", "If it rises per session: a callback is added again and again and never removed.",
          Query(by("sum", "app, kind", chosen("bokeh_session_callbacks")) + " > 0", "{{app}} {{kind}}"),
          width=12, many=True, empty=True),
    lines("Messages", "If it rises without more sessions: a periodic callback or a dragged slider sends too much.",
          Query(by("sum", "message", rate(chosen("bokeh_websocket_received_messages_total"))), "{{message}}"),
          Query(by("sum", "", rate(chosen("bokeh_document_events_total"))), "document events"), width=12, many=True),
    lines("HTTP requests", "If 5xx appear: pages fail to open. If requests jump without sessions: probes.",
          Query(by("sum", "http_route, http_response_status_code",
                   rate(chosen("http_server_request_duration_seconds_count"))) + " > 0",
                "{{http_response_status_code}} {{http_route}}"), width=12, many=True),
    lines("HTTP duration, p95", "If an app's route rises: building its sessions is slow.",
          Query(quantile(0.95, chosen("http_server_request_duration_seconds_bucket"), "http_route"), "{{http_route}}"),
          width=12, many=True),
], collapsed=True)  # fmt: skip

WEBSOCKETS = Row("WebSockets", [
    lines("Open", "If it falls at once: a proxy or a restart cut them; see how they closed.",
          Query(by("sum", "app", chosen("bokeh_websocket_connections")), "{{app}}"), width=6),
    lines("Closed", "If 1006 rises: browsers vanish or a proxy times out. 1009: a message was too large.",
          Query(by("sum", "code", rate(chosen("bokeh_websocket_closed_total"))), "{{code}}"), width=6),
    lines("Made by a WebSocket", "If *unknown* rises: pages and WebSockets reach different servers; see the proxy's stickiness.",
          Query(by("sum", "why", rate(chosen("bokeh_sessions_created_by_websocket_total"))), "{{why}}"), width=6),
    lines("Reconnects", "If it rises: connections are cut and come back; look at the proxy's timeouts. Closed, beyond one a visit.",
          Query(f'clamp_min({by("sum", "", increase(chosen("bokeh_websocket_closed_total")))} - '
                f'({by("sum", "", increase(chosen("bokeh_sessions_destroyed_total")))} - '
                f'{by("sum", "", increase(chosen("bokeh_sessions_never_connected_total")))}), 0)', "reconnects"),
          width=6, unit="short"),
    lines("Silent", "If it climbs: a browser has vanished, and its session stays connected. Pings are 37 s apart.",
          Query(by("max", "app", chosen("bokeh_websocket_silent_age_max_seconds")), "{{app}}"), width=6, unit="s",
          empty=True),
    lines("Traffic", "If sent rises: whole tables or images go out on each change; send patches or streams.",
          Query(by("sum", "", rate(chosen("bokeh_websocket_sent_bytes_total"))), "sent"),
          Query(by("sum", "", rate(chosen("bokeh_websocket_received_bytes_total"))), "received"), width=6),
    lines("Held for slow browsers", "If it rises: a connection is too slow for what the app sends; the rest waits in memory.",
          Query(by("sum", "app", chosen("bokeh_websocket_send_buffer_bytes")), "{{app}}"), width=6, empty=True),
    lines("Refused", "If *origin* rises: `--allow-websocket-origin` lacks a host name. *token*, *expired*: old pages. *auth*: no login.",
          Query(by("sum", "reason", rate(chosen("bokeh_websocket_rejected_total"))), "{{reason}}"), width=6,
          zero=True),
    lines("Page ready", "If it rises: from start until the browser has drawn the page; large documents or slow connections.",
          *quantiles("panel_render_duration_seconds"), width=6, empty=True),
    lines("Panel's cache", "If it rises without end: `pn.cache` without `max_items` or `ttl`.",
          Query(by("sum", "cache", chosen("panel_cache_entries")), "{{cache}}"), width=6, empty=True),
    lines("App reloads", "If it rises: autoreload is on; memory goes up with each one, whatever the app does.",
          Query(by("sum", "pod, instance", increase(chosen("bokeh_server_app_reloads_total"))), "{{pod}} {{instance}}"), width=6,
          unit="short"),
], collapsed=True)  # fmt: skip

LOOP = Row("Event loop and threads: use", [
    lines("Event loop lag", "If it rises: all users wait. The busiest callbacks are above.",
          *quantiles("bokeh_event_loop_lag_seconds"), limits=[(LAG, RED)]),
    lines("Time since the last tick", "If it climbs: the loop is blocked now. `/debug/stacks` shows where.",
          Query(by("max", "pod, instance", f"timestamp({TICK}) - {TICK}"), "{{pod}} {{instance}}"), unit="s", limits=[(STALL, RED)]),
    lines("Interpreter lock", "If it rises: native code or another thread holds the interpreter; no Python runs.",
          *quantiles("bokeh_exporter_gil_wait_seconds")),
    lines("Threads and tasks", "If tasks rise without sessions: something starts tasks that never end.",
          Query(by("sum", "", chosen("bokeh_python_threads")), "threads"),
          Query(by("sum", "", chosen("bokeh_asyncio_tasks")), "asyncio tasks")),
    lines("Worker threads (Bokeh 3.10)", "If busy reaches max and work waits: stuck callbacks hold the pool; pages time out.",
          Query(by("sum", "state", chosen("bokeh_executor_threads")), "{{state}}"),
          Query(by("sum", "", chosen("bokeh_executor_queue_length")), "work waiting"), empty=True),
    lines("Wait for a worker (Bokeh 3.10)", "If it rises: more slow callbacks than threads.",
          *quantiles("bokeh_executor_wait_seconds"), empty=True),
], collapsed=True)  # fmt: skip

HOST = ("namespace", "pod", "host")
USAGE, CACHE = chosen("bokeh_cgroup_memory_usage_bytes"), chosen("bokeh_cgroup_memory_inactive_file_bytes")
WORKING_SET = per_pod(f"{USAGE} - {CACHE}", HOST)

MEMORY = Row("Memory and container: use", [
    lines("Resident memory", "If *anon* rises without more sessions: open Leak hunt. *file* comes and goes.",
          Query(by("sum", "kind", chosen("bokeh_memory_rss_bytes")), "{{kind}}"), stacked=True),
    lines("Container", "If it nears the limit: the kernel kills. Only what is not page cache counts.",
          Query(WORKING_SET, "used {{pod}} {{host}}"),
          Query(per_pod(chosen("bokeh_cgroup_memory_limit_bytes"), HOST), "limit {{pod}} {{host}}"), unit="bytes", empty=True),
    lines("Waiting for memory", "If it is not 0: the kernel takes pages back while the app wants to run; the limit is near.",
          Query(by("max", "level", rate(chosen("bokeh_cgroup_memory_stall_seconds_total"))), "{{level}}"), empty=True),
    lines("Container events", "If *oom_kill* rises: a process was killed. *high*, *max*: it ran into its limits.",
          Query(by("max", "event", increase(chosen("bokeh_cgroup_memory_events_total"))), "{{event}}"), unit="short",
          zero=True),
    lines("Garbage collector pauses", "If generation 2 takes long: the heap is large; the server answers no one meanwhile.",
          Query(quantile(0.99, chosen("bokeh_python_gc_pause_seconds_bucket"), "generation"), "p99 generation {{generation}}")),
    lines("Returned by trim", "If a trim returns much: fragmentation. `MALLOC_ARENA_MAX=2` or jemalloc helps.",
          Query(by("sum", "pod, instance", increase(chosen("bokeh_memory_reclaimed_bytes_total"))), "{{pod}} {{instance}}"), unit="bytes"),
], collapsed=True)  # fmt: skip

YES = mapping(true=("on", ORANGE), false=("off", GREEN))
EXPORTER = Row("The exporter itself", [
    table("Versions", "If servers differ: compare before and after the upgrade.",
          {"instance": "Instance", "version": "Exporter", "bokeh": "Bokeh", "panel": "Panel", "tornado": "tornado",
           "Value": ""},
          [Column(by("max", "instance, version, bokeh, panel, tornado", chosen("bokeh_exporter_build_info")), " ", width=20)],
          width=12, height=6),
    table("Switches that change what memory does",
          "If one is on: autoreload, admin and profiler keep memory by themselves; judge a leak without them.",
          {"instance": "Instance", "autoreload": "Autoreload", "warm": "Warm", "reuse_sessions": "Reuse sessions",
           "admin": "Admin", "profiler": "Profiler"},
          [Column(by("max", "instance, autoreload, warm, reuse_sessions, admin, profiler",
                     chosen("bokeh_server_config_info")), " ", width=20)],
          width=12, height=6),
    lines("Overhead", "If it passes a few percent: lower `BOKEH_EXPORTER_COLLECT`. 100 % is one core.",
          Query(by("sum", "pod, instance", rate(chosen("bokeh_exporter_overhead_seconds_total"))), "{{pod}} {{instance}}"), width=6,
          unit="percentunit"),
    lines("One sample", "If it passes a millisecond: thousands of sessions, or a slow collector.",
          *quantiles("bokeh_exporter_sample_duration_seconds"), width=6),
    lines("Errors in hooks", "If it rises: report it, with the log; the app is not harmed, the number is missing.",
          Query(by("sum", "component", increase(chosen("bokeh_exporter_errors_total"))), "{{component}}"), width=6,
          unit="short", zero=True),
    lines("Values folded into other", "If it rises: more apps, classes or callbacks than the caps; `other` holds the rest.",
          Query(by("sum", "metric", increase(chosen("bokeh_exporter_overflow_total"))), "{{metric}}"), width=6,
          unit="short", zero=True),
], collapsed=True)  # fmt: skip

BOARD = Board(
    "bokeh-server", "Bokeh: Server",
    "One server, or a few: sessions and callbacks by rate, errors and duration; loop, threads, memory and container by use.",
    [NOW, SESSIONS, CALLBACKS, WEBSOCKETS, LOOP, MEMORY, EXPORTER],
)  # fmt: skip
