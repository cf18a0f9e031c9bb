"""Does a number grow, given its own noise? Drift against a random walk, over floors in buckets of one width.

Significance alone: whether growth matters is asked elsewhere. Plain Mann-Kendall and Theil-Sen were rejected: a
heap that wanders passes them in 11 % of the runs, sampled hourly. CUSUM finds steps, and a lazy import is one.
So increments between floors are regressed on visits (or time) and on how many sessions were there at those very
moments; under a random walk the coefficient has a Student distribution. Where sessions come and go, most of the noise
is theirs and does not add up, so there the levels decide, and the walk must be merely unlikely. A few steps and a tide
that has not turned have tests of their own, here; a cache that fills ever more slowly has its tests in ``bends``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .rows import DESTROYED, GC_FULL, THERE, TIME, Table

#: Seconds of a bucket and how many of them: two, six, twelve and twenty-four hours.
WINDOWS = ((600.0, 12), (1800.0, 12), (3600.0, 12), (3600.0, 24))
#: Standard deviations: p = 1e-7, for 24 looks x 3 numbers x 2 paces x 4 windows in a day, 1e-4 in all.
SURE = 5.2
#: The same for a walk, where visitors make noise that comes back to its level: p = 1e-3, beside ``SURE`` by the levels.
UNLIKELY = 3.0
#: The four largest increments are steps (imports, arenas); of what is left at steady growth, this must be there.
_STEPS, _WITHOUT_STEPS = 4, 0.4
#: Of the mean, what the median increment must have: many steps are steps, too.
_HALF_THE_TIME = 0.3
#: Buckets of a window in which each step of an arena has a bucket of its own, or two.
_FINE = 48
#: Of later moments with no more sessions than an earlier one, the share at which more is taken.
_COMPARED = 0.9
#: Pairs of such moments that must exist: on a tide that only rises there are none, so it must have turned.
_PAIRS = 6
#: Determinant, of columns of length one, below which they count as the same.
_SAME = 1e-10
#: The bound that is reported: 95 %, one-sided and rounded up.
BOUND = 2.0


class Drift(NamedTuple):
    """How a number moved over a window."""

    #: Per unit of its pace: a visit or a second.
    slope: float
    error: float
    #: In standard deviations, as a drift against a random walk; and as a line through levels with white noise.
    score: float
    line: float
    #: Over the window, what is due to sessions taken off.
    total: float
    #: The window, in Unix time.
    start: float
    end: float
    visits: float
    #: No steps and no tide: only then it is growth.
    steady: bool
    pace: int
    #: What one session that is there takes.
    each: float

    @property
    def grows(self) -> bool:
        """Whether it grows; what nobody visits must be no walk, what is visited no noise."""
        return self.steady and self.sure

    @property
    def sure(self) -> bool:
        """Whether chance is excluded, whatever its form."""
        visited = self.pace == DESTROYED and self.score >= UNLIKELY and self.line >= SURE
        return visited or self.score >= SURE

    @property
    def per_day(self) -> float:
        """Growth in a day at this rate."""
        return self.total / max(self.end - self.start, 1.0) * 86400.0


class Floors(NamedTuple):
    """One number in each bucket: at the same moments the number, time, visits and sessions."""

    level: Table
    time: Table
    visits: Table
    there: Table
    #: What one session takes, from how both vary within the buckets.
    each: float = 0.0
    #: The same at every minute, from which the pace can be told better than from floors where no garbage is in them.
    every: Floors | None = None


def floors(rows: Table, column: int, end: float, width: float, count: int) -> Floors | None:
    """Refold rows into buckets of one width that end at ``end``; None where too many of them are empty."""
    begin = end - width * count
    first, last = np.searchsorted(rows[:, TIME], (begin, end), side="right")
    part = rows[first:last]
    part = part[~np.isnan(part[:, column])]
    if len(part) < 2 * count:
        return None
    full = part[:, GC_FULL]
    if not np.isnan(full).all():  # what follows no full collection holds garbage
        clean = np.concatenate(([False], full[1:] > part[:-1, TIME]))
        part = part[clean]
    if len(part) < count:
        return None
    bucket = np.minimum(((part[:, TIME] - begin) / width).astype(int), count - 1)
    filled = np.bincount(bucket, minlength=count)
    if (filled == 0).sum() > count // 8:
        return None
    level, there = part[:, column], part[:, THERE]
    # What one session takes: from how both vary within the buckets, where growth plays no part.
    size = np.maximum(filled, 1)
    dl = there - (np.bincount(bucket, there, count) / size)[bucket]
    dy = level - (np.bincount(bucket, level, count) / size)[bucket]
    spread = float((dl * dl).sum())
    each = max(0.0, float((dl * dy).sum()) / spread) if spread > 0.5 else 0.0
    rest = level - each * there
    order = np.argsort(rest + bucket * (np.ptp(rest) + 1.0), kind="stable")  # bucket by bucket, the lowest first
    starts = np.concatenate(([0], np.cumsum(filled)[:-1]))
    rank = np.arange(len(part)) - starts[bucket[order]]
    low = order[rank < np.maximum(1, filled // 4)[bucket[order]]]
    where = bucket[low]
    number = np.bincount(where, minlength=count)
    kept = number > 0

    def mean(values: Table) -> Table:
        return (np.bincount(where, values, count) / np.maximum(number, 1))[kept]

    every = Floors(level, part[:, TIME], part[:, DESTROYED], there)
    return Floors(mean(level[low]), mean(part[low, TIME]), mean(part[low, DESTROYED]), mean(there[low]), each, every)


def drift(found: Floors, pace: int) -> Drift | None:
    """Return how the floors move with visits (``DESTROYED``) or time (``TIME``)."""
    x = found.visits if pace == DESTROYED else found.time
    dx, dt, dl, dy = (each[1:] - each[:-1] for each in (x, found.time, found.there, found.level))
    if x[-1] - x[0] <= 0 or (dt <= 0).any():
        return None
    weight = 1.0 / np.sqrt(dt)  # of a random walk the variance grows with time
    columns = [dx * weight]
    if np.abs(dl).max() > 0.5:
        columns.append(dl * weight)
    a, b = np.array(columns).T, dy * weight
    free = len(b) - a.shape[1]
    inverse = inverted(a.T @ a)
    fit = inverse @ (a.T @ b)
    left = b - a @ fit
    variance = float(left @ left) / max(free, 1)
    slope, error = float(fit[0]), math.sqrt(max(variance * float(inverse[0, 0]), 1e-18))
    t = slope / error
    score = _normal(t, free)
    each = float(fit[1]) if len(fit) > 1 else 0.0
    total = slope * float(x[-1] - x[0])
    # The line is asked for where the walk leaves it open: it costs as much as all the rest.
    line = _line(found, x) if pace == DESTROYED and UNLIKELY <= score < SURE else 0.0
    seen = Drift(slope, error, score, line, total, float(found.time[0]), float(found.time[-1]),
                 float(found.visits[-1] - found.visits[0]), False, pace, each)  # fmt: skip
    return seen._replace(steady=True) if seen.sure and _is_steady(found, x, each, slope) else seen


def inverted(matrix: Table) -> Table:
    """Return the inverse of a few normal equations, the pseudo-inverse where two columns say the same."""
    if len(matrix) == 1 and matrix[0, 0] > 0:
        return 1.0 / matrix
    if len(matrix) == 2:  # by hand: most are, and numpy takes ten times as long
        (a, b), (_, d) = matrix.tolist()
        free = a * d - b * b
        if a > 0 and d > 0 and free >= _SAME * a * d:
            return np.array(((d, -b), (-b, a))) / free
    scale = np.sqrt(np.diagonal(matrix))
    scales = scale[:, None] * scale
    if not scales.all() or abs(np.linalg.det(scaled := matrix / scales)) < _SAME:
        return np.linalg.pinv(matrix)
    return np.linalg.inv(scaled) / scales


def _normal(t: float, free: int) -> float:
    """Return the standard deviations of a normal distribution that are as rare as ``t`` (Wallace 1959)."""
    return math.copysign(math.sqrt(free * math.log1p(t * t / free)) * (8 * free + 1) / (8 * free + 3), t)


def _line(found: Floors, x: Table) -> float:
    """Return the score of a line through the levels, the sessions that were there taken off."""
    columns = [np.ones_like(x), (x - x[0]) / (x[-1] - x[0])]
    if np.ptp(found.there) > 0.5:
        columns.append(found.there)
    a = np.stack(columns, 1)
    inverse = inverted(a.T @ a)
    level = found.level - found.level[0]
    fit = inverse @ (a.T @ level)
    left = level - a @ fit
    free = len(x) - a.shape[1]
    error = math.sqrt(max(float(left @ left) / free * float(inverse[1, 1]), 1e-18))
    return _normal(float(fit[1]) / error, free)


def _is_steady(found: Floors, x: Table, each: float, slope: float) -> bool:
    # A handful of steps fits a few sessions more or less by chance: no step is one by what a session really takes.
    rest = (np.diff(found.level) - np.diff(found.there) * taken for taken in (each, found.each))
    return not any(map(_is_few_steps, rest)) and _seen_at_rest(found, x, slope)


def _is_few_steps(grown: Table) -> bool:
    count = len(grown)
    fewer = np.sort(grown)[:-_STEPS].sum()
    if fewer < _WITHOUT_STEPS * (count - _STEPS) / count * grown.sum():
        return True
    return bool(np.median(grown) < _HALF_THE_TIME * grown.mean())


def in_steps(rows: Table, column: int, found: Floors) -> bool:
    """Whether most of a window's time has nothing of its growth, looked at more closely: an arena now and then."""
    span = float(found.time[-1] - found.time[0]) * (1.0 + 1.0 / (len(found.time) - 1))
    fine = floors(rows, column, float(found.time[-1]), span / _FINE, _FINE)
    if fine is None:
        return False
    grown = np.diff(fine.level) - np.diff(fine.there) * fine.each
    return bool(np.median(grown) < _HALF_THE_TIME * grown.mean())


def _seen_at_rest(found: Floors, x: Table, slope: float) -> bool:
    """Whether it shows without any correction: more is taken at later moments with no more sessions."""
    count = len(x)
    first, second = np.triu_indices(count, max(2, count // 4))
    fair = found.there[second] <= found.there[first] + 1e-9
    if fair.sum() < _PAIRS:
        return False
    more = (found.level[second] - found.level[first])[fair]
    way = (x[second] - x[first])[fair]
    if (more > 0).mean() < _COMPARED:
        return False
    return bool(np.median(more / np.maximum(way, 1e-9)) >= 0.5 * slope)


def along(pairs: Sequence[tuple[float, float]]) -> float:
    """Return the score of a drift along a few numbers, each by its own pace, against a random walk."""
    x, y = np.array(pairs).T
    dx, dy = np.diff(x), np.diff(y)
    moved = dx > 0
    dx, dy = dx[moved], dy[moved]
    if len(dx) < 4:
        return 0.0
    root = np.sqrt(dx)
    slope = float(dy.sum() / dx.sum())
    left = (dy - slope * dx) / root
    free = len(dx) - 1
    error = math.sqrt(max(float(left @ left) / free / float(dx.sum()), 1e-18))
    return _normal(slope / error, free)
