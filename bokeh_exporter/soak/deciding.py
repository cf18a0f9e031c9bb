"""When a soak has seen enough: what growth per visit its batches exclude.

Growth of a process is a walk: what a batch of visits adds varies, and the sum keeps it. So the mean over all batches is
known the better the more visits there were, and its upper bound falls until it is below what matters, or never does.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ..diagnose import Sample
from ..diagnose.verdicts.series import resident
from ..diagnose.verdicts.slow import BLOCK_BYTES
from ..thresholds import Thresholds

#: One-sided 95 % of Student's distribution, by degrees of freedom from 1 on; the last stands for more.
_STUDENT = (6.31, 2.92, 2.35, 2.13, 2.02, 1.94, 1.90, 1.86, 1.83, 1.81, 1.80, 1.78, 1.77, 1.76, 1.75, 1.75, 1.74, 1.73)
#: Seconds for what comes after the last grace.
_LAST = 5.0
#: Increments without which the noise is not known.
_LEAST = 3


class Counted(NamedTuple):
    """The numbers after so many visits, after a full collection."""

    visits: int
    #: Bytes that the C allocator has handed out; of the resident memory where that is not known.
    bytes: float | None
    #: Python's blocks, which the allocator's bytes may not hold.
    blocks: float | None


class Decision(NamedTuple):
    """What is known after some batches.

    Attributes:
        decided: growth that matters is excluded.
        bound: bytes per visit above which no leak is, with 95 % confidence; None while nothing can be said.
        visits: estimate of how many more visits it takes; None where that cannot be said, as if it grows.
    """

    decided: bool
    bound: float | None
    visits: int | None


class _Rate(NamedTuple):
    slope: float
    upper: float


def counted(visits: int, sample: Sample) -> Counted:
    """Return what of a sample is looked at."""
    heap = sample.process.heap
    return Counted(visits, resident(sample.process) if heap is None else heap, sample.process.blocks)


def decide(seen: Sequence[Counted], thresholds: Thresholds) -> Decision:
    """Return what the numbers exclude.

    Args:
        seen: one before the visits, then one after each batch and each grace.
        thresholds: what a visit may leave behind.
    """
    rates = (
        (_rate([(each.visits, each.bytes) for each in seen]), float(thresholds.process_bytes), 1.0),
        (_rate([(each.visits, each.blocks) for each in seen]), float(thresholds.process_blocks), BLOCK_BYTES),
    )
    known = [(rate, matters, size) for rate, matters, size in rates if rate is not None]
    if not known:
        return Decision(False, None, None)
    visits = seen[-1].visits - seen[0].visits
    bound = sum(max(rate.upper, 0.0) * size for rate, _, size in known)
    decided = visits >= thresholds.judge_sessions and all(rate.upper < matters for rate, matters, _ in known)
    return Decision(decided, bound, 0 if decided else _more(known, visits, thresholds))


def _rate(pairs: Sequence[tuple[int, float | None]]) -> _Rate | None:
    """Return growth per visit and its upper bound; None with too few batches."""
    numbers = _levels([(visits, number) for visits, number in pairs if number is not None])
    steps = [(n - m, b - a) for (m, a), (n, b) in pairwise(numbers) if n > m]
    if len(steps) < _LEAST:
        return None
    if len(steps) > _LEAST:  # caches still fill in the first
        steps = steps[1:]
    total = sum(visits for visits, _ in steps)
    slope = sum(more for _, more in steps) / total
    free = len(steps) - 1
    variance = sum((more - slope * visits) ** 2 / visits for visits, more in steps) / free
    return _Rate(slope, slope + _STUDENT[min(free, len(_STUDENT)) - 1] * math.sqrt(variance / total))


def _levels(pairs: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return what had been left behind after so many visits: what a later look sees freed had not."""
    levels: dict[int, float] = {}
    least = math.inf
    for visits, number in reversed(pairs):
        levels[visits] = least = min(least, number)
    return sorted(levels.items())


def _more(known: Sequence[tuple[_Rate, float, float]], visits: int, thresholds: Thresholds) -> int | None:
    """Return how many more visits it takes, as the error falls with the root of their number."""
    needed = float(thresholds.judge_sessions)
    for rate, matters, _ in known:
        if rate.slope >= matters:
            return None
        needed = max(needed, visits * ((rate.upper - rate.slope) / (matters - rate.slope)) ** 2)
    return max(1, math.ceil(needed - visits))


class TimeLeft:
    """How long a soak may still visit, and what to say of it.

    Args:
        until: seconds of the monotonic clock at which it must be over.
        grace: seconds after the last visit.

    Attributes:
        each: seconds of a visit, as measured last; 0 before.
    """

    def __init__(self, until: float, grace: float) -> None:
        self._until, self._after, self.each = until, grace + _LAST, 0.0

    def left(self) -> float:
        """Return the seconds that visits may still take."""
        return self._until - time.monotonic() - self._after

    def says(self, visits: int | None, asked: bool = False) -> str:
        """Estimate how long it takes, empty while that is unknown.

        Args:
            visits: how many are left, None for as many as there is time for.
            asked: they were asked for, and so are made in any case.
        """
        if not self.each:
            return ""
        most = self.left() if visits is None else visits * self.each
        seconds = max(0.0, most if asked else min(most, self.left()))
        return f", about {seconds + self._after:.0f} s left"
