"""A bounded history: a day of samples at falling resolution.

The last sixty samples are kept as they are; older ones are folded into buckets of a minute, ten minutes and an
hour. A bucket keeps its last sample and the floor of each number in it, so that the saw teeth of the garbage
collector vanish and a peak does not look like a level. What a slow trend needs is kept jointly, a row a minute
(``rows``). Samples are packed: with twenty apps a day takes under 2 MB, as objects it would be five times that.
"""

from __future__ import annotations

import math
import threading
from array import array
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from ..harm.trouble import PackedApps
from .fields import AppSample, Process
from .rows import joined, row_of
from .samples import Sample

#: Samples that are kept as they are.
RECENT = 60
#: (seconds that a bucket spans, age in seconds up to which it is kept), each tier after the one before.
TIERS = ((60.0, 3600.0), (600.0, 6 * 3600.0), (3600.0, 24 * 3600.0))

_NAN = math.nan
_PROCESS = len(Process._fields)
_APP = len(AppSample._fields)


class Point(NamedTuple):
    """One bucket of time: the floor of each number in it, and the last sample of it."""

    low: Sample
    last: Sample
    #: Of the samples in it a row a minute (``rows``); None where there is but the last sample to make one of.
    rows: array[float] | None = None

    @property
    def time(self) -> float:
        """Unix time of its last sample."""
        return self.last.time


class _Packed:
    """A sample as an array of doubles; None is NaN. The names of its apps are shared by all that have the same."""

    __slots__ = ("apps", "extras", "trouble", "values")

    def __init__(
        self, apps: tuple[str, ...], values: array[float], extras: Sample | None, trouble: PackedApps | None = None
    ) -> None:
        self.apps, self.values, self.extras, self.trouble = apps, values, extras, trouble

    @property
    def time(self) -> float:
        return self.values[0]

    def unpacked(self) -> Sample:
        numbers = [value if value == value else None for value in self.values]  # NaN is not equal to itself
        starts = range(_PROCESS, len(numbers), _APP)
        apps = {app: AppSample._make(numbers[at : at + _APP]) for app, at in zip(self.apps, starts, strict=True)}
        sample = Sample(Process._make(numbers[:_PROCESS]), apps)
        if self.extras is None:
            return sample
        trouble = self.extras.trouble
        if trouble is not None and self.trouble is not None:
            trouble = trouble._replace(apps=self.trouble.unpacked())
        return self.extras._replace(process=sample.process, apps=apps, trouble=trouble)


def _packed(sample: Sample, before: _Packed | None) -> _Packed:
    names = tuple(sample.apps)
    if before is not None and before.apps == names:
        names = before.apps
    values = array("d", _numbers(sample.process))
    for app in sample.apps.values():
        values.extend(_numbers(app))
    extras, trouble = sample._replace(process=Process(0.0), apps={}), None
    if sample.trouble is not None:
        trouble = PackedApps(sample.trouble, before.trouble if before is not None else None)
        extras = extras._replace(trouble=sample.trouble._replace(apps={}))
    return _Packed(names, values, extras, trouble)


def _numbers(table: Iterable[float | None]) -> list[float]:
    return [_NAN if value is None else value for value in table]


def _floor(one: _Packed, other: _Packed) -> _Packed:
    """Return the lower of each number, of the apps that ``other`` has."""
    # A day folds millions of numbers, so this calls no function for each.
    lows = array("d", [b if a != a or b < a else a for a, b in zip(one.values[:_PROCESS], other.values, strict=False)])
    positions = {app: _PROCESS + index * _APP for index, app in enumerate(one.apps)}
    for index, app in enumerate(other.apps):
        mine = other.values[_PROCESS + index * _APP :][:_APP]
        at = positions.get(app)
        theirs = mine if at is None else one.values[at : at + _APP]
        lows.extend([b if a != a or b < a else a for a, b in zip(theirs, mine, strict=True)])
    return _Packed(other.apps, lows, None)


class _Bucket:
    __slots__ = ("last", "low", "rows")

    def __init__(self, low: _Packed, last: _Packed, rows: array[float]) -> None:
        self.low, self.last, self.rows = low, last, rows

    def fold(self, later: _Bucket) -> None:
        self.low, self.last = _floor(self.low, later.low), later.last
        self.rows = joined(self.rows, later.rows)  # a new array: readers hold the old one

    def without_names(self) -> _Bucket:
        last = _Packed(self.last.apps, self.last.values, None)
        return _Bucket(last if self.low is self.last else self.low, last, self.rows)


class History:
    """Samples at falling resolution. Safe from any thread.

    Args:
        whole: keep each sample as it is, however many; for a run that ends, such as soak's.
    """

    def __init__(self, *, whole: bool = False) -> None:
        self._guard = threading.Lock()
        self._recent: deque[_Bucket] = deque()
        self._tiers: list[deque[_Bucket]] = [deque() for _ in TIERS]
        self._whole = whole

    def add(self, sample: Sample) -> None:
        """Append a sample. One that is older than the newest is left out: a clock that was set back."""
        with self._guard:
            before = self._recent[-1].last if self._recent else None
            if before is not None and sample.time <= before.time:
                return
            packed = _packed(sample, before)
            self._recent.append(_Bucket(packed, packed, row_of(sample)))
            if len(self._recent) > RECENT and not self._whole:
                self._sink(0, self._recent.popleft().without_names(), sample.time)

    def _sink(self, tier: int, bucket: _Bucket, now: float) -> None:
        if tier == len(TIERS):
            return
        (width, kept), buckets = TIERS[tier], self._tiers[tier]
        if buckets and buckets[-1].last.time // width == bucket.last.time // width:
            buckets[-1].fold(bucket)
        else:
            buckets.append(bucket)
        while buckets and now - buckets[0].last.time > kept:
            self._sink(tier + 1, buckets.popleft(), now)

    def points(self, since: float = 0.0) -> list[Point]:
        """Return the points that came after ``since``, all by default, the oldest first."""
        with self._guard:  # buckets are changed in place, what they hold is not
            pairs = [
                (b.low, b.last, b.rows)
                for buckets in (*reversed(self._tiers), self._recent)
                for b in buckets
                if b.last.time > since
            ]
        points = []
        for low, last, rows in pairs:
            sample = last.unpacked()
            points.append(Point(sample if low is last else low.unpacked(), sample, rows))
        return points
