"""What accompanies a verdict: what is not known yet, what is excluded, and the time until out of memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...thresholds import Thresholds
from .history import Point
from .judgement import Excluded, Full
from .rows import HEAP, LIMIT, RESIDENT, TIME, USED, table
from .series import duration, size, total
from .slow import excluded
from .trend import BOUND, WINDOWS, drift, floors

#: Seconds of history needed to detect a slow leak.
_ENOUGH = WINDOWS[0][0] * WINDOWS[0][1]
_OFF = (
    "full collections by the exporter are off (BOKEH_EXPORTER_COLLECT_GARBAGE=0): between the ones that "
    "Python runs, retained sessions and slow growth look the same as garbage"
)


#: The same of Python's own, in the words of who turned it off.
_DISABLED = (
    "Python's garbage collection is off (gc.disable()): what is in a cycle stays until a full collection by Bokeh or "
    "the exporter, and memory rises up to there"
)


def observing(
    points: Sequence[Point], thresholds: Thresholds, collects: bool = True, disabled: bool = False
) -> str | None:
    """Return what has not been seen enough of yet, None if nothing is missing.

    Args:
        points: the history.
        thresholds: how many sessions are needed.
        collects: whether full collections are run where the judge waits for one.
        disabled: whether Python runs none by itself.
    """
    if not points:
        return "no sample yet"
    first, last = points[0], points[-1]
    missing = []
    destroyed = total(last.last, "destroyed")
    if destroyed < thresholds.judge_sessions:
        missing.append(f"{destroyed:.0f} of {thresholds.judge_sessions} sessions")
    full = last.last.process.gc_full
    if full is None or full < first.time:
        missing.append("no full collection yet")
    span = last.time - first.time
    if span < _ENOUGH - 60:
        missing.append(f"{duration(span)} of the {duration(_ENOUGH)} needed to detect slow leaks")
    if not collects:
        missing.append(_OFF)
    if disabled:
        missing.append(_DISABLED)
    return ", ".join(missing) or None


def so_far(missing: str) -> str:
    """Return the advice where something is missing."""
    return f"Nothing to do so far. Observing: {missing}."


def exclusions(points: Sequence[Point]) -> tuple[Excluded, ...]:
    """Return the growth that is ruled out, per visit and per day."""
    return tuple(Excluded(f"growth per {bound.per}", bound.bytes, "bytes") for bound in excluded(points))


def says(points: Sequence[Point], bounds: Sequence[Excluded]) -> str:
    """Say what a healthy server excludes."""
    first, last = points[0], points[-1]
    seen = total(last.last, "destroyed") - total(first.last, "destroyed")
    above = " or ".join(f"{size(one.bound)} {one.what.removeprefix('growth ')}" for one in bounds)
    return f"{max(seen, 0):.0f} sessions seen in {duration(last.time - first.time)}; growth above {above} is ruled out"


def full_at(points: Sequence[Point]) -> Full | None:
    """Return when the limit is reached at today's traffic; None without a limit, or where growth is not certain."""
    if not points:
        return None
    rows = table(points)
    if len(rows) < 2 or np.isnan(rows[-1, LIMIT]) or np.isnan(rows[-1, USED]):
        return None
    now, room = float(rows[-1, TIME]), float(rows[-1, LIMIT] - rows[-1, USED])
    if room <= 0:
        return None
    column = RESIDENT if np.isnan(rows[:, HEAP]).all() else HEAP
    for width, count in reversed(WINDOWS):
        found = floors(rows, column, now, width, count)
        seen = drift(found, TIME) if found is not None else None
        if seen is not None and seen.slope > BOUND * seen.error:
            least, most = seen.slope - BOUND * seen.error, seen.slope + BOUND * seen.error
            latest = now + room / least
            if math.isfinite(latest):
                return Full(now + room / seen.slope, now + room / most, latest)
    return None
