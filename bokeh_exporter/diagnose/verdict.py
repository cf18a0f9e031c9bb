"""The verdict (skeleton)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..thresholds import Thresholds
from .history import Point

Kind = Literal["objects", "buffers", "native"]


@dataclass(frozen=True)
class Evidence:
    """One number that speaks for a verdict."""

    verdict: str
    text: str
    metric: str | None = None
    value: float | None = None
    app: str | None = None


@dataclass(frozen=True)
class Judgement:
    """What holds, why, and what to do."""

    #: The leading verdict.
    name: str = "healthy"
    #: The other verdicts that hold, in the order of precedence.
    others: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    #: One sentence on what to do about the leading verdict.
    advice: str = ""
    #: What process_growth consists of; None while it cannot be told or does not hold.
    process_growth_of: Kind | None = None
    #: Named reasons of lingering_sessions, such as ``sweep`` or ``blocked``.
    reasons: tuple[str, ...] = ()
    #: What grows memory itself and is on: autoreload, admin, profiler.
    beside: tuple[str, ...] = ()


def judge(
    points: Sequence[Point],
    thresholds: Thresholds,
    *,
    grace: float = 60.0,
    stalled: Sequence[str] = (),
    settled: Kind | None = None,
) -> Judgement:
    """Judge a history.

    Args:
        points: ``History.points()``.
        thresholds: a ``Config`` is one.
        grace: seconds after destroy from which a full collection counts.
        stalled: why nobody is served now, a line each.
        settled: what a capture of allocations has found to grow: buffers that Python owns, or native memory.
    """
    return Judgement()
