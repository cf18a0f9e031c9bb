"""Does growth keep its pace? A cache that fills ever more slowly grows, too, and is none.

Told by the pace late in a window over that early in it, and by the pace in it over that before it. Both come with their
error: a pace that is kept by the best guess only may be a cache half full, so what is uncertain waits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .rows import DESTROYED, TIME, Table
from .trend import Floors, floors

#: From here on the pace is kept, below it never is; a cache with a time constant of five windows has 0.87.
_KEPT, _SLOWER = 0.92, 0.75
#: In between noise leaves it open: within so many errors of a kept pace, and so many errors above this.
_ERRORS, _LEAST = 2.0, 0.4
#: Where there is time to wait for certainty: one error above this.
_CERTAIN = 0.85
#: Slower than this, by so many errors, is a bend that ends what was told before.
_ENDED, _CLEARLY = 0.8, 3.0
#: Seconds of warm-up, in which everything fills ever more slowly.
_WARM = 900.0
#: Times as long as a window: how far what is before it is looked at.
_BEFORE = (1.0, 3.0)
#: Buckets before a window at the least and at the most, and seconds of one.
_FEWEST, _MOST, _BUCKET = 6, 12, 120.0
#: Of a window, the share that what is before it must span.
_SPAN = 0.25
#: Visits above which they are a pace, and by how much their rate may differ for time to be one, too.
_VISITS, _SAME_RATE = 10.0, 1.2


class Bend(NamedTuple):
    """The late pace over the early one, and its error."""

    ratio: float
    error: float

    @property
    def keeps(self) -> bool:
        """Whether the pace is kept, as far as can be told."""
        error = _ERRORS * self.error
        return self.ratio >= max(_SLOWER, min(_KEPT, 1.0 - error)) and self.ratio - error >= _LEAST

    @property
    def certain(self) -> bool:
        """Whether the pace is kept for certain."""
        return self.ratio - self.error >= _CERTAIN

    @property
    def ends(self) -> bool:
        """Whether it certainly slows down."""
        return self.ratio < _ENDED and self.ratio + _CLEARLY * self.error < 1.0


def keeps_its_pace(part: Table, column: int, found: Floors, *, certainly: bool = False) -> bool:
    """Whether growth in a window does not slow down, in it or against what was before it."""
    if certainly and not all(_bend(found, pace)[0].certain for pace in (DESTROYED, TIME)):
        return False
    if not _best(found).keeps:
        return False
    for times in _BEFORE:
        longer = _longer(part, column, found, times)
        if longer is not None and not _best(longer).keeps:
            return False
    return all(one.certain for one in _before(part, column, found)) and _is_new(part, column, found)


def _longer(part: Table, column: int, found: Floors, times: float) -> Floors | None:
    """Return the window with what is before it, warm-up left out; None where that is little."""
    end = float(found.time[-1])
    span = (end - float(found.time[0])) * (1.0 + 1.0 / (len(found.time) - 1))
    length = min((1.0 + times) * span, end - float(part[0, TIME]) - _WARM)
    return floors(part, column, end, length / _MOST, _MOST) if length > (1.0 + _SPAN) * span else None


def ends(found: Floors) -> bool:
    """Whether growth certainly slows down within a window, by visits and by time: in a tide one of them always does."""
    return all(_bend(found, pace)[0].ends for pace in (DESTROYED, TIME))


def _best(found: Floors) -> Bend:
    """Return the bend by the pace that explains growth best: by the other one a cache may look straight."""
    return min((_bend(found, pace) for pace in (DESTROYED, TIME)), key=lambda bend_and_left: bend_and_left[1])[0]


def _bend(found: Floors, pace: int) -> tuple[Bend, float]:
    """Return the bend of a parabola through the levels, and what it leaves over."""
    x = _paced(found, pace)
    if x[-1] <= x[0]:
        return Bend(math.inf, 0.0), math.inf
    at = (x - x[0]) / (x[-1] - x[0]) - 0.5
    sessions = [found.there] if np.ptp(found.there) > 0.5 else []
    level = found.level - found.level[0]
    fit, spread, left = _fit([np.ones_like(at), at, at * at, *sessions], level)
    # White noise makes the error too small where it lasts for longer than a bucket, a walk makes it too large.
    root = 1.0 / np.sqrt(np.diff(found.time))
    columns = [np.diff(at) * root, np.diff(at * at) * root, *(np.diff(each) * root for each in sessions)]
    _, walk, _ = _fit(columns, np.diff(level) * root)
    early, late = fit[1] - 2 / 3 * fit[2], fit[1] + 2 / 3 * fit[2]
    if early <= 0:
        return Bend(math.inf if late > 0 else 0.0, 0.0), left
    ratio = float(late / early)
    by = np.array([(1.0 - ratio) / early, 2 / 3 * (1.0 + ratio) / early])
    error = float(by @ spread[1:3, 1:3] @ by) * float(by @ walk[:2, :2] @ by)
    return Bend(ratio, max(error, 0.0) ** 0.25), left


def _before(part: Table, column: int, found: Floors) -> Iterator[Bend]:
    """Yield the pace in a window over that in what is before it, near and far, warm-up left out."""
    span = float(found.time[-1] - found.time[0]) * (1.0 + 1.0 / (len(found.time) - 1))
    start = float(found.time[-1]) - span
    room = start - float(part[0, TIME]) - _WARM
    for seconds in dict.fromkeys(min(room, times * span) for times in _BEFORE):
        count = min(_MOST, int(seconds / _BUCKET))
        earlier = floors(part, column, start, seconds / count, count) if count >= _FEWEST else None
        if earlier is None or seconds < _SPAN * span:
            continue
        for pace in _paces(earlier, found):
            (early, first), (late, second) = _slope(earlier, pace), _slope(found, pace)
            if early > 0:
                yield Bend(late / early, math.hypot(second, late / early * first) / early)


def _is_new(part: Table, column: int, found: Floors) -> bool:
    """Whether so much was not taken before: what is emptied at its bound grows from empty to full time and again."""
    span = float(found.time[-1] - found.time[0]) * (1.0 + 1.0 / (len(found.time) - 1))
    start = float(found.time[-1]) - span
    seconds = min(start - float(part[0, TIME]) - _WARM, _BEFORE[-1] * span)
    count = min(4 * _MOST, int(seconds / (5 * _BUCKET)))
    earlier = floors(part, column, start, seconds / count, count) if count >= _FEWEST else None
    if earlier is None:
        return True
    sessions = [found.there] if np.ptp(found.there) > 0.5 else []
    fit, _, _ = _fit([np.ones_like(found.time), found.time - found.time[0], *sessions], found.level)
    each = float(fit[2]) if sessions else 0.0
    now = (found.level - each * found.there)[-3:]
    return float(np.median(now)) > float(np.quantile(earlier.level - each * earlier.there, 0.9))


def _paces(earlier: Floors, found: Floors) -> Iterator[int]:
    before, within = (each.visits[-1] - each.visits[0] for each in (earlier, found))
    if min(before, within) < _VISITS:
        yield TIME
        return
    yield DESTROYED
    rate = within / (found.time[-1] - found.time[0]) / (before / (earlier.time[-1] - earlier.time[0]))
    if 1 / _SAME_RATE < rate < _SAME_RATE:
        yield TIME


def _slope(found: Floors, pace: int) -> tuple[float, float]:
    x = _paced(found, pace)
    sessions = [found.there] if np.ptp(found.there) > 0.5 else []
    fit, spread, _ = _fit([np.ones_like(x), x - x[0], *sessions], found.level - found.level[0])
    return float(fit[1]), math.sqrt(float(spread[1, 1]))


def _paced(found: Floors, pace: int) -> Table:
    return found.visits if pace == DESTROYED else found.time


def _fit(columns: list[Table], y: Table) -> tuple[Table, Table, float]:
    """Return the coefficients of least squares, their covariance, and what is left over."""
    a = np.stack(columns, 1)
    inverse = np.linalg.pinv(a.T @ a)
    fit = inverse @ (a.T @ y)
    left = float(((y - a @ fit) ** 2).sum())
    return fit, inverse * max(left / max(len(y) - a.shape[1], 1), 1e-12), left
