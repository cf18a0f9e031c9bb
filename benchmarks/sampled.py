"""The other numbers of a simulated day: what a server samples at each level (``BOKEH_EXPORTER_COLLECT``).

A course gives what its leak, or what looks like one, is about. A server counts more: models, callbacks, components,
data. Here they are those of a clean app, which follow the sessions and the messages, so that the judge sees at each
level what it sees on a server.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bokeh_exporter.config import LEVELS

from .courses import MB, MINUTES, Day, Random, _correlated

#: Numbers that a level adds, as read from the exposition of a server at each of them.
ADDS = {
    "update": {"messages", "models_updated"},
    "callback": {"calls", "calls_seconds"},
    "element": {"components"},
    "all": {"data_bytes"},
}


def missing(level: str) -> set[str]:
    """Return the numbers that a server at this level does not sample."""
    above = LEVELS[LEVELS.index(level) + 1 :]
    return {name for one in above for name in ADDS[one]}


def sampled(random: Random, day: Day, level: str) -> Day:
    """Return a day with everything that a server with a clean app samples at this level."""
    none = np.zeros(MINUTES)
    there = np.maximum(day["connected"] + day.get("pending_sessions", none), 0.0)
    kept = day.get("retained_sessions", none)
    models, components = random.integers(5, 200), random.integers(5, 60)
    ticks = random.choice([0.0, 0.0, 1.0, 12.0, 60.0]) * np.maximum(day["connected"], 0.0)
    messages = day.get("messages", none)
    handled = np.maximum(np.diff(messages, prepend=messages[0]), 0.0)
    calls = np.cumsum(ticks + handled * random.integers(0, 3))
    built = random.choice([0.0, 0.0, 2.0, 18.0]) * np.cumsum(handled)
    rollover = random.uniform(1e3, 5 * MB)
    filled = np.minimum(ticks * np.minimum(np.arange(MINUTES), 10) * 1e3, rollover * np.maximum(day["connected"], 0.0))
    rest: dict[str, Any] = {
        "models": models * np.maximum(day["connected"], 0.0), "models_updated": built, "calls": calls,
        "calls_seconds": 0.01 * calls, "components": components * (there + kept) + random.integers(0, 3, MINUTES),
        "data_bytes": 1e4 * np.maximum(day["connected"], 0.0) + filled, "orphaned": random.poisson(3.0, MINUTES) + none,
        "modules": there + kept, "known_models": none + 400.0, "retained_models": models * kept,
        "pending_models": models * day.get("pending_sessions", none),
    }  # fmt: skip
    if random.random() < 0.5:  # on an object that all share, taken off again when the session ends
        rest["watchers"] = random.integers(1, 12) * (there + kept)
    # Pages of several kinds hold unlike numbers, and who is there changes as they come and go.
    moved = np.diff(day["created"] + day["destroyed"], prepend=0.0) != 0
    unlike = random.uniform(0, 1) * np.sqrt(there) * _correlated(random, random.uniform(1, 15))
    unlike = unlike[np.maximum.accumulate(np.where(moved, np.arange(MINUTES), 0))]
    for name, each in (("components", components), ("models", models), ("watchers", 3.0)):
        if name in rest:
            rest[name] = np.maximum(rest[name] + each * unlike, 0.0).round()
    away = missing(level)
    return {name: values for name, values in {**rest, **day}.items() if name not in away}
