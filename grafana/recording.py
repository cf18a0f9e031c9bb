"""Recording rules: what a fleet board asks of a thousand pods, and the floors that alerts compare.

Named ``level:metric:operations``. A floor is ``min_over_time[30m]``: without peaks and without the
saw teeth of the garbage collector. Growth is a floor against the floor an hour ago.
"""

from __future__ import annotations

from typing import NamedTuple

from .promql import INSTANCE, by, increase, per_pod, quantile, rate, series

HOUR = "1h"
#: The window of slow leaks: ten sessions must have been destroyed in it.
LONG = "6h"


class Recorded(NamedTuple):
    """A recording rule, what it means and its labels."""

    name: str
    labels: tuple[str, ...]
    expr: str
    help: str


JOB = ("job", "namespace")
INSTANCE_APP = (*INSTANCE, "app")
POD_LABELS = ("job", "namespace", "pod", "host")


def _sessions() -> list[Recorded]:
    created, destroyed = series("bokeh_sessions_created_total"), series("bokeh_sessions_destroyed_total")
    errors = series("bokeh_session_create_errors_total")
    ratios = [
        Recorded(
            f"job_app:bokeh_session_create_errors:ratio_rate{window}", (*JOB, "app"),
            f"{by('sum', (*JOB, 'app'), rate(errors, window))}\n/\n({by('sum', (*JOB, 'app'), rate(created, window))} > 0)",
            f"Share of session creations that failed, over {window}",
        )
        for window in ("5m", "30m", "1h", "6h")
    ]  # fmt: skip
    return [
        Recorded("job:bokeh_servers:count", JOB, by("count", JOB, series("bokeh_exporter_build_info")),
                 "Server processes that are observed"),
        Recorded("job:bokeh_sessions:sum", (*JOB, "state"), by("sum", (*JOB, "state"), series("bokeh_sessions")),
                 "Sessions by state"),
        Recorded("instance:bokeh_sessions:sum", (*INSTANCE, "state"),
                 by("sum", (*INSTANCE, "state"), series("bokeh_sessions")), "Sessions by state"),
        Recorded("instance:bokeh_sessions_all:sum", INSTANCE, by("sum", INSTANCE, series("bokeh_sessions")),
                 "Sessions in any state"),
        Recorded("job_app:bokeh_sessions_created:rate5m", (*JOB, "app"),
                 by("sum", (*JOB, "app"), rate(created, "5m")), "Session creations per second"),
        Recorded("instance:bokeh_sessions_created:increase1h", INSTANCE, by("sum", INSTANCE, increase(created, HOUR)),
                 "Session creations within an hour"),
        Recorded("instance_app:bokeh_sessions_destroyed:increase6h", INSTANCE_APP,
                 by("sum", INSTANCE_APP, increase(destroyed, LONG)), "Sessions destroyed within six hours"),
        *ratios,
    ]  # fmt: skip


def _floors() -> list[Recorded]:
    retained = {
        kind: by("sum", INSTANCE_APP, series(f"bokeh_{kind}_uncollected", state="retained"))
        for kind in ("sessions", "models")
    }
    rows = [
        Recorded(f"instance_app:bokeh_{kind}_retained:sum", INSTANCE_APP, expr,
                 f"{kind.capitalize()} of destroyed sessions that survived a full collection")
        for kind, expr in retained.items()
    ]  # fmt: skip
    rows += [
        Recorded(f"instance_app:bokeh_{kind}_retained:min30m", INSTANCE_APP,
                 f"min_over_time(instance_app:bokeh_{kind}_retained:sum[30m])", f"Floor of retained {kind}")
        for kind in retained
    ]  # fmt: skip
    models = by("sum", INSTANCE, series("bokeh_document_models"))
    callbacks = by("sum", INSTANCE, series("bokeh_session_callbacks"))
    levels = {
        "bokeh_python_allocated_blocks": ("sum", by("sum", INSTANCE, series("bokeh_python_allocated_blocks")),
                                          "Blocks of Python's allocator"),
        "bokeh_memory_malloc_used_bytes": (
            "sum", by("sum", INSTANCE, series("bokeh_memory_malloc_bytes", state="=~in_use|mmapped")),
            "Bytes that the allocator handed out: in use and mmapped"),
        "bokeh_memory_rss_anon_bytes": ("sum", by("sum", INSTANCE, series("bokeh_memory_rss_bytes", kind="anon")),
                                        "Resident memory without files"),
        "bokeh_session_models": ("ratio", f"{models}\n/\n(instance:bokeh_sessions_all:sum > 0)",
                                 "Models per live session"),
        "bokeh_session_callbacks": ("ratio", f"{callbacks}\n/\n(instance:bokeh_sessions_all:sum > 0)",
                                    "Registered callbacks per live session"),
    }  # fmt: skip
    for metric, (operation, expr, help) in levels.items():
        rows += [
            Recorded(f"instance:{metric}:{operation}", INSTANCE, expr, help),
            Recorded(f"instance:{metric}:min30m", INSTANCE, f"min_over_time(instance:{metric}:{operation}[30m])",
                     f"{help}: floor"),
            Recorded(f"instance:{metric}:growth1h", INSTANCE,
                     f"instance:{metric}:min30m - instance:{metric}:min30m offset {HOUR}",
                     f"{help}: growth of the floor within an hour"),
        ]  # fmt: skip
    return [
        *rows,
        Recorded("instance:bokeh_sessions_all:min30m", INSTANCE, "min_over_time(instance:bokeh_sessions_all:sum[30m])",
                 "Sessions in any state: floor"),
    ]  # fmt: skip


def _process() -> list[Recorded]:
    tick = series("bokeh_event_loop_last_tick_timestamp_seconds")
    resident, in_use = series("bokeh_memory_malloc_resident_bytes"), series("bokeh_memory_malloc_bytes", state="in_use")
    unused = f"{by('sum', INSTANCE, resident)}\n-\n{by('sum', INSTANCE, in_use)}"
    return [
        Recorded("job:bokeh_memory_verdict:sum", (*JOB, "verdict"),
                 by("sum", (*JOB, "verdict"), series("bokeh_memory_verdict")), "Servers by verdict"),
        Recorded("instance:bokeh_memory_rss_bytes:sum", INSTANCE, by("sum", INSTANCE, series("bokeh_memory_rss_bytes")),
                 "Resident memory"),
        Recorded("instance:bokeh_memory_malloc_unused_bytes:sum", INSTANCE, unused,
                 "Resident memory of the allocator that holds nothing"),
        Recorded("instance:bokeh_event_loop_lag_seconds:p99_rate5m", INSTANCE,
                 # No tick in five minutes makes it NaN, which no comparison lets through.
                 quantile(0.99, series("bokeh_event_loop_lag_seconds_bucket"), ", ".join(INSTANCE), "5m") + " >= 0",
                 "Event loop lag, 99th percentile"),
        # The age at the time of the scrape: at the time of the query it would have the scrape interval in it.
        Recorded("instance:bokeh_event_loop_tick_age_seconds:max", INSTANCE,
                 by("max", INSTANCE, f"timestamp({tick}) - {tick}"), "Time since the event loop last ticked"),
    ]  # fmt: skip


def _containers() -> list[Recorded]:
    usage, cache = series("bokeh_cgroup_memory_usage_bytes"), series("bokeh_cgroup_memory_inactive_file_bytes")
    used = "pod:bokeh_cgroup_memory_working_set_bytes:max"
    limit = "pod:bokeh_cgroup_memory_limit_bytes:max"
    return [
        Recorded(used, POD_LABELS, per_pod(f"{usage} - {cache}"),
                 "Memory of the container without reclaimable page cache"),
        Recorded(limit, POD_LABELS, per_pod(series("bokeh_cgroup_memory_limit_bytes")), "Limit of the container"),
        Recorded("pod:bokeh_cgroup_memory_working_set:ratio", POD_LABELS, f"{used} / {limit}",
                 "Memory of the container as a share of its limit"),
        Recorded("pod:bokeh_cgroup_memory_time_to_limit_seconds:deriv1h", POD_LABELS,
                 f"({limit} - {used})\n/\n(deriv({used}[{HOUR}]) > 1024)",
                 "Time until the limit is reached if it goes on as in the last hour; absent where nothing grows"),
    ]  # fmt: skip


GROUPS: dict[str, list[Recorded]] = {
    "bokeh-sessions": _sessions(),
    "bokeh-process": _process(),
    "bokeh-floors": _floors(),
    "bokeh-containers": _containers(),
}
RECORDED: dict[str, Recorded] = {row.name: row for rows in GROUPS.values() for row in rows}


def recorded(name: str, *matchers: str) -> str:
    """Select a recorded series; an unknown name is a KeyError."""
    row = RECORDED[name]
    return f"{row.name}{{{','.join(matchers)}}}" if matchers else row.name
