"""Growth of a count that open sessions hold, too: components, modules, watchers on what all share.

Where few sessions are open there may still be one more than before, and it may hold hundreds. So what those hold who
are there is taken off, and what is left must grow with the visits by more than its noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...thresholds import Thresholds
from .bends import is_straight
from .history import Point
from .rows import BLOCKS, DESTROYED, TIME, row_of
from .series import of_server
from .trend import drift, floors

#: Seconds of history needed to tell noise; the spans that are looked at, besides the whole; how they are cut.
_TELLS, _SPANS, _BUCKETS = 1200.0, (3600.0, 6 * 3600.0), 12
#: What is left behind must be more than what so many sessions hold: some hold more than others.
_SESSIONS = 5


def count_grows(points: Sequence[Point], numbers: Sequence[float | None], thresholds: Thresholds) -> bool:
    """Whether a count grows with the visits, without what open sessions hold.

    In a run of soak, where nobody else comes, this is not asked; a server's first twenty minutes tell nothing.

    Args:
        points: those that hold no garbage.
        numbers: the count at each of them, None where it is not known.
        thresholds: over how many visits it is judged.
    """
    rows = np.array([row_of(point.last) for point in points])
    rows[:, BLOCKS] = [math.nan if number is None else number for number in numbers]
    rows = rows[~np.isnan(rows[:, BLOCKS])]
    whole = float(rows[-1, TIME] - rows[0, TIME]) if len(rows) else 0.0
    if whole < _TELLS or len(rows) < 2 * _BUCKETS:
        return not of_server(points)
    for span in {min(span, whole) for span in (*_SPANS, whole)}:
        found = floors(rows, BLOCKS, float(rows[-1, TIME]), (span + 1.0) / _BUCKETS, _BUCKETS)
        seen = drift(found, DESTROYED) if found is not None else None
        if found is None or seen is None or seen.visits < thresholds.judge_sessions:
            continue
        if seen.grows and seen.total >= _SESSIONS * seen.each and is_straight(found):
            return True
    return False
