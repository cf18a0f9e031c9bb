"""What rows of the catalogue are to the state: events or levels, whether by app, and at zero before the first."""

from __future__ import annotations

import itertools
from functools import lru_cache

from ..catalogue import APP, CATALOGUE, ROUTE, Metric
from .levels import Level

#: Counters that are read at scrape time from a count kept elsewhere, and so are levels to us.
READ_COUNTERS = frozenset(
    {
        "bokeh_cgroup_memory_events_total",
        "bokeh_cgroup_memory_stall_seconds_total",
        "bokeh_exporter_overhead_seconds_total",
    }
)


@lru_cache(maxsize=4)  # the same at each scrape, and some hundred with twenty apps
def zeros(apps: tuple[str, ...]) -> tuple[Level, ...]:
    """Return the levels that exist at zero: closed values of gauges, for each of these apps."""
    return tuple(
        Level(metric.name, 0.0, labels)
        for metric in CATALOGUE
        if metric.kind == "gauge" and metric.labels and not metric.optional and metric.asgi == "full"
        if all(label is APP or label.values for label in metric.labels)
        for labels in itertools.product(*[apps if label is APP else label.values for label in metric.labels])
    )


def app_position(metric: Metric) -> int | None:
    """Return where a row's labels name the app: as ``app``, or as the route of its page."""
    for position, label in enumerate(metric.labels):
        if label is APP or label is ROUTE:
            return position
    return None


def is_event(metric: Metric) -> bool:
    """Whether a row is counted by us as it happens, rather than read as a level."""
    return metric.kind in ("counter", "histogram") and metric.name not in READ_COUNTERS
