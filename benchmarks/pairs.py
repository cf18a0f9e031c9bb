"""Statistics of paired measurements: a quiet machine is not to be had, a fair comparison is.

Two servers, A bare and B with the exporter, are measured in small blocks that alternate, and the
order swaps each time (A B, B A, A B, ...), so a slow second or a drift hits both alike. Each pair of
blocks gives one ratio; the result is the median of the ratios with their quartiles. Means were
rejected: one preempted block of 200 ms would be the whole result; so were the fastest blocks of each side, which
varied more between equal servers than the medians did. Both servers are started anew
several times, since a process keeps the luck of its memory layout for life: the medians of the
rounds show that luck, and ``--null`` (both bare) shows what is left of it when nothing differs.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """One block of operations on one server: seconds per operation."""

    wall: float
    #: Processor time of the server process, user and system.
    cpu: float


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of some numbers, and how well the median itself is known."""

    median: float
    lower: float
    upper: float
    #: 95 % interval of the median, from the order of the numbers alone.
    surely: tuple[float, float]

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Spread:
        """Summarise numbers; of a single one, all are the same."""
        ordered = sorted(numbers)
        half = len(ordered) / 2
        # The rank of the median is binomial: mean n / 2, standard deviation sqrt(n) / 2.
        reach = 0.98 * math.sqrt(len(ordered))
        surely = (ordered[max(0, math.floor(half - reach))], ordered[min(len(ordered), math.ceil(half + reach)) - 1])
        if len(ordered) == 1:
            return cls(ordered[0], ordered[0], ordered[0], surely)
        lower, median, upper = statistics.quantiles(ordered, n=4, method="inclusive")
        return cls(median, lower, upper, surely)

    def meets(self, aim: float) -> str:
        """Say whether the median is at most ``aim``; ``undecided`` where the noise leaves it open."""
        if self.surely[1] <= aim:
            return "met"
        return "MISSED" if self.surely[0] > aim else "undecided"


@dataclass(frozen=True)
class Comparison:
    """What pairs say: medians of both sides, and the spread of ratio and difference."""

    bare: float
    exporter: float
    difference: Spread
    #: None where the bare side has zeros, as an idle server has.
    ratio: Spread | None
    #: Lowest and highest of the rounds' own median ratios (differences): the luck of single processes.
    rounds: tuple[float, float]
    pairs: int

    @classmethod
    def of(cls, rounds: Sequence[Sequence[tuple[float, float]]]) -> Comparison:
        """Compare ``(bare, exporter)`` pairs, given by round."""
        pairs = [pair for one in rounds for pair in one]
        has_ratio = all(a > 0 for a, _ in pairs)
        medians = [statistics.median(b / a if has_ratio else b - a for a, b in one) for one in rounds]
        return cls(
            bare=statistics.median(a for a, _ in pairs),
            exporter=statistics.median(b for _, b in pairs),
            difference=Spread.of([b - a for a, b in pairs]),
            ratio=Spread.of([b / a for a, b in pairs]) if has_ratio else None,
            rounds=(min(medians), max(medians)),
            pairs=len(pairs),
        )


async def alternate(
    pairs: int, bare: Callable[[], Awaitable[Block]], exporter: Callable[[], Awaitable[Block]]
) -> list[tuple[Block, Block]]:
    """Run ``pairs`` pairs of blocks, one after the other, and swap the order each time.

    The first pair warms both up and is not returned.
    """
    taken: list[tuple[Block, Block]] = []
    for number in range(pairs + 1):
        if number % 2:
            second = await exporter()
            first = await bare()
        else:
            first = await bare()
            second = await exporter()
        if number:
            taken.append((first, second))
    return taken
