"""What a soak found, for machines and for people."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..diagnose import Evidence, Judgement, Point, Sample, judge
from ..diagnose.blame.constants import kept_by_host
from ..diagnose.verdicts.judgement import HEALTHY, LINGERING, RETAINED, GrowthKind
from ..diagnose.verdicts.lingering import kept_for
from ..diagnose.verdicts.retained import KINDS, says
from ..diagnose.verdicts.series import size
from ..diagnose.verdicts.session import BLOCKS_ALONE
from ..thresholds import Thresholds
from .deciding import Decision, counted, decide
from .plan import Plan
from .streams import Unbounded, with_streams
from .wording import lines, total

#: Of the growth that is evidence, the share that makes an app suspect.
_SUSPECT = 0.2
#: Stalls that are reported as evidence, the last ones that differ.
_STALLS = 3


@dataclass
class Observed:
    """What was seen on the way.

    Attributes:
        used: in the long visit, after so many uses.
        held: in the long visit, while nobody did anything.
        base: before the visits that count; its memory is what theirs is measured by.
        warm: when the grace of the visits before has passed, one that counts still open; its counts are subtracted.
        batches: after so many of them, and once more when their grace is over.
        end: after all of them and the grace.
        sessions: visits that count.
        settled: whose memory grew, if it had to be settled.
        released: bytes that a trim returned at the end; None where it was not tried.
        stalls: why nobody was served, a line for each time, once that is evidence.
        retained: as explain reports it.
        points: the history that is judged.
        streams: data sources that grow without bounds while a page is open.
        controls: widgets and buttons that were used, and how often.
        not_used: those that never were, with the reason.
    """

    used: list[tuple[int, Sample]] = field(default_factory=list)
    held: list[Sample] = field(default_factory=list)
    base: Sample | None = None
    warm: Sample | None = None
    batches: list[tuple[int, Sample]] = field(default_factory=list)
    end: Sample | None = None
    sessions: int = 0
    settled: GrowthKind | None = None
    released: float | None = None
    stalls: list[str] = field(default_factory=list)
    retained: list[Any] = field(default_factory=list)
    points: Sequence[Point] = ()
    streams: list[Unbounded] = field(default_factory=list)
    controls: dict[str, int] = field(default_factory=dict)
    not_used: dict[str, str] = field(default_factory=dict)

    def decision(self, thresholds: Thresholds) -> Decision:
        """Return what growth per visit the batches exclude."""
        start = [] if self.base is None else [counted(0, self.base)]
        return decide([*start, *(counted(visits, look) for visits, look in self.batches)], thresholds)


@dataclass(frozen=True)
class Report:
    """The outcome. ``content`` has the documented keys; the text is for people.

    Attributes:
        judgement: the verdict, with evidence and advice.
        content: what ``--json`` prints.
    """

    judgement: Judgement
    content: dict[str, Any]
    used: Sequence[tuple[int, Sample]] = ()

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return self.judgement.name == "healthy"

    def text(self) -> str:
        """Return it for people; the first line is the verdict."""
        return "\n".join(lines(self.content, self.judgement, self.used))

    def json(self) -> str:
        """Return the content as JSON."""
        return json.dumps(self.content, indent=2)


def judged(found: Observed, thresholds: Thresholds, grace: float) -> Judgement:
    """Judge what was found so far, as the server does."""
    # A session that lingered before the visits that count, and none of theirs, is one that the host keeps.
    without = () if lingering(found) else (LINGERING,)
    stalled = list(dict.fromkeys(found.stalls))[-_STALLS:]
    judgement = judge(
        found.points, thresholds, grace=grace, stalled=stalled, settled=found.settled, released=found.released,
        without=without, known=_kept(found, thresholds),
    )  # fmt: skip
    return with_streams(judgement, found.streams)


def is_suspect(looks: Sequence[Sample], thresholds: Thresholds) -> bool:
    """Whether memory rose over some looks, though by less than is evidence: worth to look for longer."""
    for name, number in {"heap": thresholds.session_bytes, "blocks": BLOCKS_ALONE}.items():
        seen = [value for look in looks if (value := getattr(look.process, name)) is not None]
        if len(seen) > 3 and min(seen[-2:]) - max(seen[:2]) >= _SUSPECT * number:
            return True
    return False


def lingering(found: Observed) -> int:
    """Sessions of the visits that count that are still in the server's table."""
    if found.warm is None or found.end is None:
        return 0
    # The visit that stayed open when the others were read is not one that lingers.
    return round(max(0.0, _table(found.end) - (_table(found.warm) - 1)))


def _kept(found: Observed, thresholds: Thresholds) -> list[Evidence]:
    """Return the evidence of a long lifetime, which a server has after minutes: soak waits for no such session."""
    if found.end is None or lingering(found) < thresholds.unused_sessions:
        return []
    lifetime, apps = found.end.process.lifetime or 0.0, found.end.apps
    many = {app: one.unused or 0 for app, one in apps.items() if (one.unused or 0) >= thresholds.unused_sessions}
    return [kept_for(lifetime, many[app], app) for app in many if lifetime >= thresholds.long_lifetime]


def report(plan: Plan, found: Observed, thresholds: Thresholds, grace: float) -> Report:
    """Judge what was found, and put it together."""
    judgement = judged(found, thresholds, grace)
    known = found.decision(thresholds)
    undecided = judgement.name == HEALTHY and not known.decided
    if judgement.name == HEALTHY:
        judgement = replace(judgement, advice=_says(found, known))
    judgement = replace(judgement, evidence=tuple(_of_counted(one, found) for one in judgement.evidence))
    # A server that serves nobody is left before all is done: then what is not known has not grown.
    end = found.end or found.points[-1].last
    base, warm = found.base or end, found.warm or end
    counts = {name: round(max(0.0, total(end, name) - total(warm, name))) for name in _COUNTS}
    attributed, fit = _attributed(base, end, found.points)
    content = {
        "verdict": judgement.name,
        "verdicts": [name for name in (judgement.name, *judgement.others) if name != "healthy"],
        "evidence": [evidence.text for evidence in judgement.evidence],
        "process_growth_of": judgement.process_growth_of,
        "advice": judgement.advice,
        "sessions": found.sessions,
        "retained_sessions": counts["retained_sessions"],
        "retained_models": counts["retained_models"],
        "lingering_sessions": lingering(found),
        "pending_sessions": counts["pending_sessions"],
        "bytes_per_session": round(((end.process.rss or 0) - (base.process.rss or 0)) / max(1, found.sessions)),
        "attributed_bytes": attributed if fit else {},
        "attributed_rank": _rank(attributed),
        "used": found.controls,
        "not_used": found.not_used,
        "retained": found.retained,
        "constant": kept_by_host(total(end, "retained_sessions"), panel=plan.host == "panel"),
        "undecided": undecided,
        "harm": [asdict(one) for one in judgement.harm],
        "excluded": _excluded(known) if judgement.name == HEALTHY else [],
    }
    return Report(judgement, content, found.used)


def _of_counted(one: Evidence, found: Observed) -> Evidence:
    """Return evidence of what is retained with the report's own counts: those without the warm-up visits."""
    field = next((field for field, (row, _) in KINDS.items() if one.metric == row), None)
    if one.verdict != RETAINED or field is None or found.warm is None or found.end is None or one.app is None:
        return one
    kept = total(found.end, field) - total(found.warm, field)
    sessions = total(found.end, "destroyed") - total(found.warm, "destroyed")
    return one if kept <= 0 or sessions <= 0 else replace(one, text=says(sessions, one.app, kept, field))


def _excluded(known: Decision) -> list[dict[str, Any]]:
    if known.bound is None:
        return []
    return [{"what": "growth per visit", "bound": math.ceil(known.bound), "unit": "bytes"}]


def _says(found: Observed, known: Decision) -> str:
    """Say what a healthy app excludes; the history of a soak is too short for what is said of a server."""
    if known.bound is None:
        return f"Undecided: {found.sessions} visits are too few to exclude a leak; raise --sessions or --max-duration."
    bound = f"no leak above {size(math.ceil(known.bound))} per visit"
    if known.decided:
        return f"Nothing to do: {bound}."
    return f"Undecided: {found.sessions} visits show {bound}; raise --max-duration to exclude smaller ones."


_COUNTS = ("retained_sessions", "retained_models", "pending_sessions")
_ACTIVITIES = ("session_create", "session_destroy", "message", "callback", "http")


def _attributed(base: Sample, end: Sample, points: Sequence[Point]) -> tuple[dict[str, int], bool]:
    """Return growth of resident memory by activity with what is left over, and whether the numbers can be true.

    Each is the sum of many small differences. One that is larger than what resident memory ever moved by is made of
    memory that was allocated in one activity and returned in another.
    """
    numbers = {
        activity: round(total(end, f"attributed_{activity}") - total(base, f"attributed_{activity}"))
        for activity in _ACTIVITIES
    }
    levels = [rss for sample in (base, end, *(point.last for point in points)) if (rss := sample.process.rss)]
    if not levels:
        return numbers, False
    numbers["left_over"] = round((end.process.rss or 0) - (base.process.rss or 0) - sum(numbers.values()))
    return numbers, all(abs(number) <= max(levels) - min(levels) for number in numbers.values())


def _rank(numbers: Mapping[str, int]) -> list[str]:
    """Return the activities in which memory grew, the most first."""
    grew = [name for name in _ACTIVITIES if numbers[name] > 0]
    return sorted(grew, key=numbers.__getitem__, reverse=True)


def _table(sample: Sample) -> float:
    """Sessions in the server's table, also those that were destroyed and could not be discarded."""
    return (
        total(sample, "connected") + total(sample, "unused") + total(sample, "blocked") + total(sample, "undiscarded")
    )
