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
from .trend import Floors, floors, inverted

#: The pace is kept if it is above this by so many errors; a cache with a time constant of five windows has 0.87.
_KEPT, _ERRORS = 0.85, 1.5
#: The same where memory may be full before that is known, and visits in an hour from which on it may.
_LIKELY, _BUSY = 0.78, 900.0
#: Hours that a cache takes which fills ever more slowly, at the most: in its first ones it looks linear. Those that
#: were simulated take up to six of a day's mean traffic, and half as long again where it begins slowly.
_FILLS = 9.0
#: Times the error by time that the one by visits must be below for time to be out of the question.
_BETTER = 0.3
#: Of two spans, each with an error of its own: one error above this.
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
#: Hours of the longest window in which it is urgent.
_SHORT = 6.0
#: Minutes from which on they are judged, and how alike two neighbours may be.
_MINUTES, _LASTS = 30, 0.99


class Bend(NamedTuple):
    """The late pace over the early one, and its error."""

    ratio: float
    error: float

    def keeps(self, urgent: bool) -> bool:
        """Whether the pace is kept, as far as can be told; where it is urgent, likely is enough."""
        return self.ratio - self.error >= _LIKELY if urgent else self.ratio - _ERRORS * self.error >= _KEPT

    @property
    def certain(self) -> bool:
        """Whether the pace is kept for certain."""
        return self.ratio - self.error >= _CERTAIN

    def is_no_fill(self, hours: float) -> bool:
        """Whether in a window of so many hours it bends less than the slowest cache: by the logarithm of the time."""
        slowest = (1.0 + hours / 6.0 / _FILLS) / (1.0 + 5.0 * hours / 6.0 / _FILLS)
        return self.ratio - _ERRORS * self.error >= slowest

    @property
    def ends(self) -> bool:
        """Whether it certainly slows down."""
        return self.ratio < _ENDED and self.ratio + _CLEARLY * self.error < 1.0


def keeps_its_pace(part: Table, column: int, found: Floors, *, certainly: bool = False) -> bool:
    """Whether growth in a window does not slow down, in it or against what was before it."""
    if certainly and not all(_bend(found, pace).is_no_fill(_hours(found)) for pace in _that_fit(found)):
        return False
    urgent = _is_urgent(found)
    # By both: while traffic falls a cache that fills with time looks straight by visits, while it rises the other one.
    paces = _that_fit(found) if certainly else _known_paces(found)
    if not all(_bend(found, pace).keeps(urgent) for pace in paces):
        return False
    for times in _BEFORE:
        longer = _longer(part, column, found, times)
        if longer is None:
            continue
        if not _bend(longer, _known_paces(longer)[0]).keeps(urgent) or _fits_neither(longer):
            return False
    return all(one.certain for one in _before(part, column, found)) and _is_new(part, column, found)


def _longer(part: Table, column: int, found: Floors, times: float) -> Floors | None:
    """Return the window with what is before it, warm-up left out; None where that is little."""
    end = float(found.time[-1])
    span = (end - float(found.time[0])) * (1.0 + 1.0 / (len(found.time) - 1))
    length = min((1.0 + times) * span, end - float(part[0, TIME]) - _WARM)
    return floors(part, column, end, length / _MOST, _MOST) if length > (1.0 + _SPAN) * span else None


def _fits_neither(found: Floors) -> bool:
    """Whether it certainly speeds up by visits and slows down by time: a cache that fills while traffic falls."""
    by_visits, by_time = _bend(found, DESTROYED), _bend(found, TIME)
    return by_visits.ratio - _CLEARLY * by_visits.error > 1.0 and by_time.ratio + _CLEARLY * by_time.error < 1.0


def ends(found: Floors) -> bool:
    """Whether growth certainly slows down within a window, by visits and by time: in a tide one of them always does."""
    return all(_bend(found, pace).ends for pace in (DESTROYED, TIME))


def is_straight(found: Floors) -> bool:
    """Whether growth bends less, by visits, than any cache that fills ever more slowly."""
    return _bend(found, DESTROYED).is_no_fill(_hours(found))


def _is_urgent(found: Floors) -> bool:
    hours = _hours(found)
    visits = found.visits[-1] - found.visits[0]
    return bool(visits < _VISITS or (visits >= _BUSY * hours and hours < _SHORT))


def _hours(found: Floors) -> float:
    return float(found.time[-1] - found.time[0]) / 3600.0


def _that_fit(found: Floors) -> tuple[int, ...]:
    """Return the paces that may be the one: what follows few visits far better than time is no matter of time."""
    by_visits, by_time = (_bend(found, pace).error for pace in (DESTROYED, TIME))
    return (DESTROYED,) if by_visits < _BETTER * by_time else (DESTROYED, TIME)


def _known_paces(found: Floors) -> tuple[int, ...]:
    return (DESTROYED, TIME) if found.visits[-1] - found.visits[0] >= _VISITS else (TIME,)


def _bend(found: Floors, pace: int) -> Bend:
    """Return the bend, by floors or by every minute, whichever is surer."""
    by_floors = _by_floors(found, pace)
    if found.every is None or not math.isfinite(by_floors.ratio) or len(found.every.time) < _MINUTES:
        return by_floors
    return min(by_floors, _by_minutes(found.every, pace), key=lambda bend: bend.error)


def _by_minutes(every: Floors, pace: int) -> Bend:
    """Return the bend of a parabola through every minute, with the error of noise that lasts for minutes."""
    at = _paced(every, pace)
    at = (at - at[0]) / (at[-1] - at[0]) - 0.5
    sessions = [every.there] if np.ptp(every.there) > 0.5 else []
    level = every.level - every.level[0]
    columns = [np.ones_like(at), at, at * at, *sessions]
    fit, spread = _fit(columns, level)
    rest = level - np.stack(columns, 1) @ fit
    lasts = float(rest[1:] @ rest[:-1]) / max(float(rest @ rest), 1e-12)
    lasts = min(max(lasts, 0.0), _LASTS)
    return _bent(fit, spread * (1.0 + lasts) / (1.0 - lasts))


def _bent(fit: Table, spread: Table) -> Bend:
    """Return the bend of a parabola: its slope a third after the middle over that a third before it."""
    early, late = fit[1] - 2 / 3 * fit[2], fit[1] + 2 / 3 * fit[2]
    if early <= 0:
        return Bend(math.inf if late > 0 else 0.0, 0.0)
    ratio = float(late / early)
    by = np.array([(1.0 - ratio) / early, 2 / 3 * (1.0 + ratio) / early])
    return Bend(ratio, math.sqrt(max(float(by @ spread[1:3, 1:3] @ by), 0.0)))


def _by_floors(found: Floors, pace: int) -> Bend:
    """Return the bend of a parabola through the floors."""
    x = _paced(found, pace)
    if x[-1] <= x[0]:
        return Bend(math.inf, 0.0)
    at = (x - x[0]) / (x[-1] - x[0]) - 0.5
    sessions = [found.there] if np.ptp(found.there) > 0.5 else []
    level = found.level - found.level[0]
    fit, spread = _fit([np.ones_like(at), at, at * at, *sessions], level)
    # White noise makes the error too small where it lasts for longer than a bucket, a walk makes it too large.
    root = 1.0 / np.sqrt(np.diff(found.time))
    columns = [np.diff(at) * root, np.diff(at * at) * root, *(np.diff(each) * root for each in sessions)]
    _, walk = _fit(columns, np.diff(level) * root)
    early, late = fit[1] - 2 / 3 * fit[2], fit[1] + 2 / 3 * fit[2]
    if early <= 0:
        return Bend(math.inf if late > 0 else 0.0, 0.0)
    ratio = float(late / early)
    by = np.array([(1.0 - ratio) / early, 2 / 3 * (1.0 + ratio) / early])
    error = float(by @ spread[1:3, 1:3] @ by) * float(by @ walk[:2, :2] @ by)
    return Bend(ratio, max(error, 0.0) ** 0.25)


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
    fit, _ = _fit([np.ones_like(found.time), found.time - found.time[0], *sessions], found.level)
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
    fit, spread = _fit([np.ones_like(x), x - x[0], *sessions], found.level - found.level[0])
    return float(fit[1]), math.sqrt(float(spread[1, 1]))


def _paced(found: Floors, pace: int) -> Table:
    return found.visits if pace == DESTROYED else found.time


def _fit(columns: list[Table], y: Table) -> tuple[Table, Table]:
    """Return the coefficients of least squares and their covariance."""
    a = np.stack(columns, 1)
    inverse = inverted(a.T @ a)
    fit = inverse @ (a.T @ y)
    left = float(((y - a @ fit) ** 2).sum())
    return fit, inverse * max(left / max(len(y) - a.shape[1], 1), 1e-12)
