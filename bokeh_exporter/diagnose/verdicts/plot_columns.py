"""The history for plots: columns of the same length, the last row being now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .fields import AppSample
from .history import Point
from .series import live, total

#: Seconds that the columns go back, and their maximum number of rows.
SPAN, ROWS = 6 * 3600.0, 180
#: Apps that have columns of their own, those with most sessions ever; there is a small plot for each number of each.
APPS = 20

Columns = Mapping[str, Sequence[float | None]]


def columns(points: Sequence[Point]) -> Columns:
    """Return the last six hours as columns, ``time`` among them; a number that is not known is None."""
    kept = _kept(points)
    return {name: [number(point) for point in kept] for name, number in _COLUMN.items()}


def app_columns(points: Sequence[Point]) -> Mapping[str, Columns]:
    """Return the last six hours of each app as columns, ``time`` among them."""
    kept = _kept(points)
    apps = kept[-1].last.apps if kept else {}
    busiest = sorted(apps, key=lambda app: -(apps[app].created or 0))[:APPS]
    return {app: _of_app(app, kept) for app in busiest}


def _of_app(app: str, points: Sequence[Point]) -> Columns:
    seen = [(point.time, point.last.apps[app]) for point in points if app in point.last.apps]
    return {
        "time": [time for time, _ in seen],
        **{name: [number(sample) for _, sample in seen] for name, number in _APP_COLUMN.items()},
    }


def _kept(points: Sequence[Point]) -> list[Point]:
    points = [point for point in points if points[-1].time - point.time <= SPAN]
    step = -(-len(points) // ROWS) or 1
    return points[::-1][::step][::-1]  # the newest is always there


def _summed(field: str) -> Callable[[Point], float | None]:
    """Return the sum of a number over the apps; None where no app has it."""

    def number(point: Point) -> float | None:
        there = any(getattr(app, field) is not None for app in point.last.apps.values())
        return total(point.last, field) if there else None

    return number


def _own(field: str) -> Callable[[Point], float | None]:
    def number(point: Point) -> float | None:
        value: float | None = getattr(point.last.process, field)
        return value

    return number


_COLUMN: Mapping[str, Callable[[Point], float | None]] = {
    "time": lambda point: point.time,
    "sessions": lambda point: live(point.last),
    **{
        field: _summed(field)
        for field in (
            "connected", "unused", "blocked", "pending", "created", "destroyed", "retained_sessions",
            "retained_models", "pending_sessions", "pending_models", "models", "messages", "calls",
        )
    },
    "rss_bytes": _own("rss"),
    "rss_anon_bytes": _own("rss_anon"),
    "rss_file_bytes": _own("rss_file"),
    "rss_shmem_bytes": _own("rss_shmem"),
    "heap_bytes": _own("heap"),
    "malloc_free_bytes": _own("malloc_free"),
    "malloc_resident_bytes": _own("malloc_resident"),
    "python_blocks": _own("blocks"),
    "python_blocks_floor": lambda point: point.low.process.blocks,
    "cgroup_usage_bytes": _own("cgroup_usage"),
    "cgroup_inactive_file_bytes": _own("cgroup_inactive"),
    "cgroup_limit_bytes": _own("cgroup_limit"),
    # Sums and counts ever: of two rows, the mean between them.
    **{
        f"{what}_seconds_{part}": _own(f"{what}_{part}")
        for what in ("lag", "cleanup", "linger", "destroy", "collect")
        for part in ("sum", "count")
    },
    **{field: _own(field) for field in ("ticked", "threads", "tasks", "executor_busy", "executor_queue")},
}  # fmt: skip

_APP_COLUMN: Mapping[str, Callable[[AppSample], float | None]] = {
    "sessions": lambda app: app.live,
    "retained_sessions": lambda app: app.retained_sessions,
    "pending_sessions": lambda app: app.pending_sessions,
    "models": lambda app: app.models,
    "data_source_bytes": lambda app: app.data_bytes,
    # Sums and counts ever: of two rows, the mean between them.
    "callback_seconds_sum": lambda app: app.calls_seconds,
    "callback_seconds_count": lambda app: app.calls,
}
