"""Simulated days of servers, a sample a minute: what leaks slowly, and what is healthy and looks as if it did not.

Each course draws its parameters from a seed and gives arrays, a number a minute, keyed by the fields of ``Process`` and
``AppSample``. Noise is what real servers show: sessions come as a Poisson process and differ in size, an idle heap
wanders, floors of the collector's saw teeth scatter, lone spikes of hundreds of blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

MINUTES = 1440
MB = 1e6
Random = np.random.Generator
Day = Mapping[str, Any]
#: Bytes and blocks of one open session, about what a small app takes.
_SESSION_BYTES, _SESSION_BLOCKS = 0.5 * MB, 4000.0


def _walk(random: Random, step: float) -> Any:
    """A heap that wanders, as bytes and blocks of pools and caches that come and go."""
    return np.cumsum(random.normal(0.0, step, MINUTES))


def traffic(random: Random, per_minute: float, tide: float = 0.0, stay: float = 3.0, begin: int = 0) -> Day:
    """Sessions that come and go; with a tide their number follows the day."""
    minute = np.arange(MINUTES)
    phase = random.uniform(0, 2 * np.pi)
    rate = per_minute * (1 + tide * np.sin(2 * np.pi * minute / 1440 + phase))
    came = random.poisson(np.where(minute < begin, 0.0, rate))
    went = np.zeros(MINUTES)
    for at in np.flatnonzero(came):
        ends = at + 1 + random.exponential(stay, came[at]).astype(int)
        np.add.at(went, ends[ends < MINUTES], 1)
    created, destroyed = np.cumsum(came).astype(float), np.cumsum(went)
    connected = created - destroyed
    # Sessions differ in size by 30 %; who is there changes as they come and go.
    jitter = 0.3 * np.sqrt(np.maximum(connected, 0)) * _correlated(random, stay)
    taken = connected + jitter
    blocks = 4e5 + _SESSION_BLOCKS * taken + _white(random, 80.0) + _walk(random, 20.0)
    heap = 60 * MB + _SESSION_BYTES * taken + _white(random, 20e3) + _walk(random, 5e3)
    return {
        "created": created, "destroyed": destroyed, "connected": connected, "messages": 5 * destroyed,
        "blocks": blocks, "malloc_in_use": heap, "rss_anon": heap * 1.3 + 40 * MB + _white(random, 2e5),
        "retained_sessions": np.minimum(destroyed, 1.0),
    }  # fmt: skip


def _white(random: Random, size: float) -> Any:
    return random.normal(0.0, size, MINUTES)


def _correlated(random: Random, minutes: float) -> Any:
    keep = float(np.exp(-1 / max(minutes, 0.5)))
    noise = random.normal(0.0, np.sqrt(1 - keep * keep), MINUTES)
    values, at = np.empty(MINUTES), 0.0
    for index, one in enumerate(noise):
        at = keep * at + one
        values[index] = at
    return values


def idle(random: Random, sessions: float = 1.0) -> Day:
    """Nobody comes or goes."""
    spikes = 400 * (random.random(MINUTES) < 0.03)
    blocks = 4e5 + _white(random, 70.0) + spikes + _warm(random, 2000.0) + _walk(random, 5.0)
    heap = 60 * MB + _white(random, 12e3) + 100.0 * spikes + _warm(random, MB) + _walk(random, 1.5e3)
    one = np.full(MINUTES, 1.0)
    return {
        "created": sessions * one, "destroyed": 0 * one, "connected": sessions * one, "blocks": blocks,
        "malloc_in_use": heap, "rss_anon": 1.2 * heap,
    }  # fmt: skip


def _warm(random: Random, most: float) -> Any:
    return most * (1 - np.exp(-np.arange(MINUTES) / random.uniform(5, 20)))


def plus(day: Day, bytes: Any = 0.0, blocks: Any = 0.0, **rest: Any) -> Day:
    """Return a day with more bytes and blocks taken."""
    more = {"malloc_in_use": day["malloc_in_use"] + bytes, "rss_anon": day["rss_anon"] + bytes}
    return {**day, **more, "blocks": day["blocks"] + blocks, **rest}


def steps(random: Random, bytes: float, blocks: float) -> Day:
    """An idle session that grows every thirty minutes."""
    number = (np.arange(MINUTES) + random.integers(0, 30)) // 30
    return plus(idle(random), bytes * number, blocks * number)


def leaves(random: Random, bytes: float, blocks: float, per_minute: float, tide: float = 0.0) -> Day:
    """Each visit leaves something behind."""
    day = traffic(random, per_minute, tide)
    return plus(day, bytes * day["destroyed"], blocks * day["destroyed"])


def keeps(random: Random, one_in: int, per_minute: float, tide: float = 0.0) -> Day:
    """One session in so many is retained, 1 MB each."""
    day = traffic(random, per_minute, tide)
    ended = np.diff(day["destroyed"], prepend=0.0).astype(int)
    kept = np.cumsum(random.binomial(ended, 1 / one_in))
    return plus(day, MB * kept, 9000 * kept, retained_sessions=kept + 1.0)


# --- healthy -----------------------------------------------------------------------------------------


def _some_traffic(random: Random, tide: float = 0.0, **rest: Any) -> Day:
    return traffic(random, float(random.choice([0.2, 1.0, 5.0, 20.0])), tide, random.uniform(1, 15), **rest)


def _teeth(random: Random) -> Day:
    """Saw teeth whose floors drift."""
    day, period = _some_traffic(random), random.integers(4, 25)
    height = random.uniform(1e4, 2e5)
    tooth = height * ((np.arange(MINUTES) + random.integers(0, period)) % period) / period
    return plus(day, 80 * tooth + _walk(random, 3e4), tooth + _walk(random, 200.0))


def _imports(random: Random) -> Day:
    """Modules that are imported late, a few times a day."""
    bytes, blocks, classes = np.zeros(MINUTES), np.zeros(MINUTES), np.zeros(MINUTES)
    for _ in range(random.integers(1, 9)):
        at, much = random.integers(0, MINUTES), random.uniform(0.5, 25)
        bytes[at:] += much * MB
        blocks[at:] += 4000 * much
        classes[at:] += random.integers(0, 60)
    return plus(_some_traffic(random), bytes, blocks, known_models=400 + classes)


def _arenas(random: Random) -> Day:
    """Allocator steps of 64 MB, resident only; and pymalloc's arenas of 1 MB."""
    day = _some_traffic(random, random.choice([0.0, 0.6]))
    step = np.zeros(MINUTES)
    for _ in range(random.integers(1, 8)):
        step[random.integers(0, MINUTES) :] += 64 * MB
    return {**day, "rss_anon": day["rss_anon"] + step}


def _filling(random: Random) -> Day:
    """A cache that fills ever more slowly with the visits, or with time."""
    day = _some_traffic(random, random.choice([0.0, 0.5]))
    way = day["destroyed"] if random.random() < 0.7 else np.arange(MINUTES, dtype=float)
    most, scale = random.uniform(5, 300) * MB, random.uniform(0.02, 0.25) * (way[-1] + 1)
    kind = random.integers(0, 3)
    full = most * (1 - np.exp(-way / scale)) if kind == 0 else (
        0.2 * most * np.log1p(way / scale) if kind == 1 else most * way / (way + scale))  # fmt: skip
    return plus(day, full, full / 150)


def _deploys(random: Random) -> Day:
    """The process is started again, some times a day."""
    day = dict(_some_traffic(random, random.choice([0.0, 0.6])))
    for at in sorted(random.integers(60, MINUTES - 60, random.integers(1, 5))):
        for name in ("created", "messages", "destroyed"):
            less = (5 if name == "messages" else 1) * day["destroyed"][at]
            day[name] = np.where(np.arange(MINUTES) >= at, day[name] - less, day[name])
        warm = np.where(np.arange(MINUTES) >= at, 1 - np.exp(-np.maximum(np.arange(MINUTES) - at, 0) / 15.0), 0.0)
        day = dict(plus(day, 20 * MB * warm, 9e4 * warm))
    return {**day, "retained_sessions": np.minimum(np.maximum(day["destroyed"], 0), 1.0)}


def _pool(random: Random) -> Day:
    """A pool that fills to its bound within minutes, then stays; its entries are replaced."""
    day, bound = traffic(random, float(random.choice([5.0, 20.0]))), random.integers(5, 60)
    held = np.minimum(day["destroyed"], bound)
    return plus(day, held * 2 * MB, held * 3000, retained_sessions=np.minimum(1.0, day["destroyed"]))


def _bursts(random: Random) -> Day:
    """Jobs that take hundreds of MB for some minutes."""
    day, bytes = _some_traffic(random, 0.5), np.zeros(MINUTES)
    for _ in range(random.integers(3, 40)):
        at = random.integers(0, MINUTES)
        bytes[at : at + random.integers(1, 40)] += random.uniform(10, 400) * MB
    return plus(day, bytes, bytes / 500)


def _pending(random: Random) -> Day:
    """Destroyed sessions wait for the collector, up to some tens."""
    day = _some_traffic(random, random.choice([0.0, 0.6]))
    period = random.integers(2, 20)
    waiting = np.minimum(day["destroyed"], (np.arange(MINUTES) % period) * random.uniform(0.5, 3))
    return plus(day, waiting * _SESSION_BYTES, waiting * _SESSION_BLOCKS, pending_sessions=waiting)


def _wanders(random: Random) -> Day:
    return plus(idle(random, float(random.integers(0, 3))), _walk(random, random.uniform(5e3, 2e5)),
                _walk(random, random.uniform(20, 800)))  # fmt: skip


def _logs(random: Random) -> Day:
    """A buffer of records that is emptied at its bound, hours apart."""
    day, period = _some_traffic(random), random.integers(30, 200)
    tooth = (np.arange(MINUTES) + random.integers(0, period)) % period
    return plus(day, tooth * random.uniform(1e3, 1e5), tooth * random.uniform(10, 500))


def _rebuilds(random: Random) -> Day:
    """Pages that stay open and build new models with each message, which the collector frees."""
    day, minute = idle(random, float(random.integers(1, 6))), np.arange(MINUTES)
    messages = np.cumsum(random.poisson(random.uniform(0.5, 300), MINUTES)).astype(float)
    built, garbage = random.choice([2.0, 18.0, 100.0]), random.uniform(0, 300) * random.random(MINUTES)
    # The records of them, ours and the app's, are bounded.
    records = 20 * np.minimum(messages, random.integers(100, 1000))
    more = records + 25 * garbage
    return {**plus(day, 100 * more + 1e3 * _warm(random, 1e3), more), "messages": messages,
            "models_updated": built * messages, "orphaned": np.where(minute % 2, garbage, 0.0).round()}  # fmt: skip


HEALTHY: Mapping[str, Callable[[Random], Day]] = {
    "steady traffic": _some_traffic,
    "day tides": lambda random: _some_traffic(random, random.uniform(0.2, 0.95)),
    "saw teeth, floors drift": _teeth,
    "lazy imports": _imports,
    "allocator steps of 64 MB": _arenas,
    "noon starts": lambda random: plus(_some_traffic(random, begin=int(random.integers(300, 900)))),
    "idle heap wanders": _wanders,
    "idle": lambda random: idle(random, float(random.integers(0, 4))),
    "deploys": _deploys,
    "caches that fill slowly": _filling,
    "bounded pools": _pool,
    "bursts of jobs": _bursts,
    "sessions wait for the collector": _pending,
    "buffers that are emptied": _logs,
    "pages that rebuild": _rebuilds,
}

#: Name -> course, the verdict, hours by which 95 % must be detected.
LEAKS: Mapping[str, tuple[Callable[[Random], Day], str, float]] = {
    "idle session, 100 kB and 1,000 blocks per 30 min": (lambda r: steps(r, 1e5, 1e3), "session_growth", 8),
    "idle session, 50 kB and 500 blocks per 30 min": (lambda r: steps(r, 5e4, 500), "session_growth", 13),
    "20/min, 5 kB and 50 blocks each": (lambda r: leaves(r, 5e3, 50, 20), "process_growth", 6),
    "20/min, 20 kB and 200 blocks each": (lambda r: leaves(r, 2e4, 200, 20), "process_growth", 2),
    "1/min, 20 kB and 200 blocks each": (lambda r: leaves(r, 2e4, 200, 1), "process_growth", 12),
    "20/min, 5 kB and 50 blocks, tide": (lambda r: leaves(r, 5e3, 50, 20, 0.6), "process_growth", 24),
    "20/min, 20 kB and 200 blocks, tide": (lambda r: leaves(r, 2e4, 200, 20, 0.6), "process_growth", 12),
    "1/min, 20 kB and 200 blocks, tide": (lambda r: leaves(r, 2e4, 200, 1, 0.6), "process_growth", 24),
    "20/min, 1 in 200 retained": (lambda r: keeps(r, 200, 20), "retained_sessions", 6),
    "1/min, 1 in 50 retained": (lambda r: keeps(r, 50, 1), "retained_sessions", 24),
    "20/min, 1 in 200 retained, tide": (lambda r: keeps(r, 200, 20, 0.6), "retained_sessions", 6),
    "1/min, 1 in 50 retained, tide": (lambda r: keeps(r, 50, 1, 0.6), "retained_sessions", 24),
}
