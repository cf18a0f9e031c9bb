"""What judging gives: evidence in numbers, and the judgement that it makes up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..harm.seen import Harm

HEALTHY = "healthy"
STALLED = "event_loop_stalled"
LINGERING = "lingering_sessions"
RETAINED = "retained_sessions"
SESSION = "session_growth"
PROCESS = "process_growth"
FRAGMENTATION = "fragmentation"
#: The first of these that holds leads.
PRECEDENCE = (STALLED, LINGERING, RETAINED, SESSION, PROCESS, FRAGMENTATION)

GrowthKind = Literal["objects", "buffers", "native"]


@dataclass(frozen=True)
class Evidence:
    """One number that speaks for a verdict, and the sentence that says so."""

    verdict: str
    text: str
    metric: str | None = None
    value: float | None = None
    app: str | None = None
    #: Why, in a word: of lingering sessions age, blocked, reuse, sweep, pending, probes or lifetime; of a stall loop or
    #: executor; of growth objects, bytes, models or data.
    reason: str | None = None
    #: About how many bytes it explains, where that can be said.
    bytes: float | None = None


@dataclass(frozen=True)
class Excluded:
    """What a server does not do, with 95 % confidence."""

    #: Growth per visit or growth per day.
    what: str
    #: Nothing above it grows.
    bound: float
    unit: str


@dataclass(frozen=True)
class Full:
    """When the memory limit is reached at today's traffic, in Unix time; 95 % between the last two."""

    time: float
    earliest: float
    latest: float


@dataclass(frozen=True)
class Judgement:
    """What holds, why, and what to do."""

    #: The leading verdict.
    name: str = HEALTHY
    #: The other verdicts that hold, in the order of precedence.
    others: tuple[str, ...] = ()
    #: That of the leading verdict first.
    evidence: tuple[Evidence, ...] = ()
    #: One sentence on what to do about the leading verdict.
    advice: str = ""
    #: What process_growth consists of; None while it does not hold, or is unknown.
    process_growth_of: GrowthKind | None = None
    #: The reasons of the leading verdict's evidence, each once.
    reasons: tuple[str, ...] = ()
    #: What is switched on and grows memory itself: autoreload, admin, profiler.
    beside: tuple[str, ...] = ()
    #: What has not been seen enough of yet; None where all has.
    observing: str | None = None
    #: What is excluded, while the verdict is healthy.
    excluded: tuple[Excluded, ...] = ()
    #: When the limit is reached; None without growth or a limit.
    full_at: Full | None = None
    #: What harms users and is not memory, what most of them notice first.
    harm: tuple[Harm, ...] = ()
