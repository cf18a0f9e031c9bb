"""Destroyed sessions that stay in memory, as documents or as models: growth with the number of destroyed sessions.

Never "more than none": clean Bokeh keeps one, clean Panel one for ever, and what no full collection has looked at
is pending.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ...thresholds import Thresholds
from .fields import AppSample
from .history import Point
from .judgement import RETAINED, Evidence
from .series import amount, growth, in_thirds, windows

#: What is retained at least before it is called growth; a host keeps one.
_LEAST = 3
#: Of the sessions that one collection looked at, the share that says enough without a second one.
_MOST = 0.5

#: Looks at more and more sessions that are needed to see whether it stops growing.
_FEW = 6
#: Sessions that are left out where they hide the others.
_FIRST = 2
#: Few sessions may leak, and not evenly; the numbers are exact, so less than elsewhere will do.
_EACH_HALF = 0.2

#: Field -> row, and what it counts.
KINDS = {
    "retained_sessions": ("bokeh_sessions_uncollected", "documents"),
    "retained_models": ("bokeh_models_uncollected", "models"),
}


class Rate(NamedTuple):
    """What is kept of how many destroyed sessions."""

    kept: float
    sessions: float


def retained(points: Sequence[Point], thresholds: Thresholds, grace: float) -> list[Evidence]:
    """Return the evidence for retained sessions."""
    found = []
    for app in points[-1].last.apps:
        looked_at = _looked_at(points, app, grace)
        for field, (row, what) in KINDS.items():
            since = _growing_since(points, app, field, looked_at, thresholds)
            if since is not None:
                now = getattr(points[-1].last.apps[app], field)
                # As counted: the line that it grows by may have more documents than sessions.
                sessions = looked_at[points[-1].time][1] - looked_at[since.time][0]
                kept = now - getattr(since.last.apps[app], field)
                found.append(Evidence(RETAINED, says(sessions, app, kept, field), row, now, app, what))
    return found


def says(sessions: float, app: str, kept: float, field: str) -> str:
    """Say how much of how many destroyed sessions stays; ``field`` is that of a sample."""
    return (
        f"of {sessions:.0f} destroyed sessions of {app}, {kept:.0f} {KINDS[field][1]} are still in memory "
        f"after full collections ({amount(kept / sessions)} per session)"
    )


def _looked_at(points: Sequence[Point], app: str, grace: float) -> dict[float, tuple[float, float]]:
    """Return for each point how many destroyed sessions a full collection has looked at, the grace over.

    Lower and upper bound: how many had been destroyed the grace before it is known of the samples around only.
    """
    seen: dict[float, tuple[float, float]] = {}
    times = [(point.time, point.last.apps.get(app, AppSample())) for point in points]
    index, destroyed = -1, 0.0
    for point in points:
        sample = point.last.apps.get(app, AppSample())
        full = point.last.process.gc_full
        if full is None:
            seen[point.time] = ((sample.destroyed or 0) - (sample.pending_sessions or 0),) * 2
            continue
        while index + 1 < len(times) and times[index + 1][0] <= full - grace:
            index += 1
            destroyed = times[index][1].destroyed or 0
        least = destroyed if index >= 0 else (points[0].last.apps.get(app, AppSample()).destroyed or 0)
        after = times[min(index + 1, len(times) - 1)]
        seen[point.time] = (least, (after[1] if after[0] <= point.time else sample).destroyed or 0)
    return seen


def _growing_since(
    points: Sequence[Point], app: str, field: str, looked_at: dict[float, tuple[float, float]], thresholds: Thresholds
) -> Point | None:
    """Return the first of the points over which it grows, None where it does not."""
    for part in windows(points):
        for bound in (0, 1):
            known = [
                (point, (looked_at[point.time][bound], number))
                for point in part
                if (sample := point.last.apps.get(app)) is not None and (number := getattr(sample, field)) is not None
            ]
            pairs = [pair for _, pair in known]
            # The first visits may keep far more than others, if one is long: next to it the others seem to stop.
            for some in (pairs, [pair for pair in pairs if pair[0] >= _FIRST]):
                rate = _growing(some, thresholds, whole=field == "retained_sessions") if some else None
                if rate is not None and (field == "retained_sessions" or not _at_once(some, rate, thresholds)):
                    return known[len(known) - len(some)][0]
    return None


def _at_once(pairs: Sequence[tuple[float, float]], rate: Rate, thresholds: Thresholds) -> bool:
    """Whether all came in one step: then it may be one session's, which a host keeps for good with all its models."""
    step = max(after[1] - before[1] for before, after in pairwise(pairs))
    return rate.kept - step < max(_LEAST, thresholds.retained_share * rate.sessions)


def _growing(pairs: Sequence[tuple[float, float]], thresholds: Thresholds, *, whole: bool) -> Rate | None:
    sessions = pairs[-1][0] - pairs[0][0]
    if sessions < thresholds.judge_sessions:
        return None
    # One collection at the end, or all close together: whether it stops growing cannot be seen. Nor with a few looks,
    # between which many sessions ended; but one session may keep many models, for good.
    few = whole and len({seen for seen, _ in pairs}) < _FEW
    if few or not in_thirds(pairs):
        kept = pairs[-1][1] - pairs[0][1]
        if kept >= max(_LEAST, _MOST * sessions):
            return Rate(kept, sessions)
        if not in_thirds(pairs):
            return None
    if not _goes_on(pairs):
        return None
    grown = growth(pairs, _EACH_HALF)
    total = grown.total if grown is not None else _at_the_ends(pairs)
    if total >= max(_LEAST, thresholds.retained_share * sessions):
        return Rate(total, sessions)
    return None


def _at_the_ends(pairs: Sequence[tuple[float, float]]) -> float:
    """Return what has grown by the last number of each third; 0 where one of them adds too little.

    A floor may be a number that is late: a collection frees or retains what was destroyed a moment earlier than the
    sample in which it is counted as destroyed. What is retained has no saw teeth that a floor would have to cut off.
    """
    (x_low, low), (x_middle, middle), (x_high, high) = (third[-1] for third in in_thirds(pairs))
    slope = (high - low) / (x_high - x_low)
    halves = ((middle - low) / (x_middle - x_low), (high - middle) / (x_high - x_middle))
    return slope * (pairs[-1][0] - pairs[0][0]) if min(halves) >= 2 * _EACH_HALF * slope > 0 else 0.0


def _goes_on(pairs: Sequence[tuple[float, float]]) -> bool:
    """Whether the last third of the sessions left something too; these numbers have no saw teeth."""
    (first, _), (last, now) = pairs[0], pairs[-1]
    return now > max(number for sessions, number in pairs if sessions <= first + (last - first) * 2 / 3)
