"""Destroyed sessions that stay, by exact count: one in hundreds, and what is still held although none is new.

A count has no noise: enough of them, spread over time, are growth. What a later look saw freed was never retained, so
the level at a moment is the least that came after it. Models are not judged here: one session may keep thousands.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator, Sequence

from ...thresholds import Thresholds
from .fields import AppSample
from .history import Point
from .judgement import RETAINED, Evidence
from .series import duration

#: New ones, and moments at which they came: one collection may find the sessions of an hour.
_NEW, _MOMENTS = 8, 6
#: How unlikely it must be that the last third brought so few by chance, for it to have stopped.
_STOPPED = 0.02
#: Held sessions above which they are reported until they are freed; below it a cache may be bounded there.
_MANY = 20
#: Of what came, the share that must still be held.
_HELD = 0.5
#: Points needed to judge a level.
_LOOKS = 12
#: Seconds without a new one after which none is new; within the grace nobody knows.
_QUIET = 600.0

HeldLevel = tuple[float, float, float]  # time, destroyed, held from then on


def held(points: Sequence[Point], thresholds: Thresholds, grace: float) -> Iterator[Evidence]:
    """Yield the evidence of each app for sessions that are retained now and then, or that stay though none is new."""
    for app in points[-1].last.apps:
        levels = _levels(points, app)
        if len(levels) < _LOOKS:
            continue
        found = _at_now(levels, app, thresholds) or _before(levels, app, thresholds, grace)
        if found is not None:
            yield found


def _levels(points: Sequence[Point], app: str) -> list[HeldLevel]:
    levels: list[HeldLevel] = []
    least = math.inf
    for point in reversed(points):
        sample = point.last.apps.get(app, AppSample())
        if sample.retained_sessions is None:
            continue
        if levels and (sample.destroyed or 0) > levels[-1][1]:
            break  # another process
        least = min(least, sample.retained_sessions)
        levels.append((point.time, sample.destroyed or 0, least))
    return levels[::-1]


def _at_now(levels: Sequence[HeldLevel], app: str, thresholds: Thresholds) -> Evidence | None:
    if levels[-1][1] - levels[0][1] < thresholds.judge_sessions or not _grew(levels, goes_on=True):
        return None
    new, visits = levels[-1][2] - levels[0][2], levels[-1][1] - levels[0][1]
    span = levels[-1][0] - levels[0][0]
    text = (
        f"{levels[-1][2]:.0f} destroyed sessions of {app} are still in memory after full collections, "
        f"{new:.0f} of them new in {duration(span)}: 1 session in {max(1.0, visits / new):.0f}, "
        f"+{new / span * 86400:.0f} per day"
    )
    return Evidence(RETAINED, text, "bokeh_sessions_uncollected", levels[-1][2], app, "documents")


def _before(levels: Sequence[HeldLevel], app: str, thresholds: Thresholds, grace: float) -> Evidence | None:
    """Return what grew up to some time ago and is held: a leak does not end because nobody comes."""
    now, destroyed, level = levels[-1]
    if level < thresholds.judge_sessions:
        return None
    last = next((index for index in range(len(levels) - 1, 0, -1) if levels[index][2] > levels[index - 1][2]), 0)
    grown = levels[: last + 1]
    if now - grown[-1][0] < max(_QUIET, 2 * grace):
        return None
    if len(grown) < _MOMENTS or not (_grew(grown, goes_on=False) or _fast(grown, thresholds)):
        return None
    came, since = grown[-1][1] - grown[0][1], destroyed - grown[-1][1]
    if level < _MANY and since >= came / 2:
        return None  # bounded: it would have grown
    text = f"{level:.0f} sessions of {app} are still held, none new for {duration(now - grown[-1][0])}"
    return Evidence(RETAINED, text, "bokeh_sessions_uncollected", level, app, "documents")


def _fast(levels: Sequence[HeldLevel], thresholds: Thresholds) -> bool:
    visits, new = levels[-1][1] - levels[0][1], levels[-1][2] - levels[0][2]
    enough = visits >= thresholds.judge_sessions and new >= max(_NEW, thresholds.retained_share * visits)
    return enough and _spread(levels, goes_on=True)


def _grew(levels: Sequence[HeldLevel], *, goes_on: bool) -> bool:
    """Whether there are enough new ones, at enough moments, in all thirds, and it has not stopped."""
    new = levels[-1][2] - levels[0][2]
    return new >= _NEW and levels[-1][0] - levels[0][0] >= 3600 and _spread(levels, goes_on=goes_on)


def _spread(levels: Sequence[HeldLevel], *, goes_on: bool) -> bool:
    moments = [index for index in range(1, len(levels)) if levels[index][2] > levels[index - 1][2]]
    if len(moments) < _MOMENTS:
        return False
    # By visits: in a tide most of the day's come in some hours.
    begin, visits = levels[0][1], levels[-1][1] - levels[0][1]
    if visits <= 0:
        return False
    ways = [(levels[index][1] - begin) / visits for index in moments]
    cuts = [bisect.bisect_left(ways, part / 3) for part in (1, 2)]
    thirds = (cuts[0], cuts[1] - cuts[0], len(ways) - cuts[1])
    if min(thirds) < 1:
        return False
    return not goes_on or _likely(thirds[2], len(ways) / 3)


def _likely(seen: int, expected: float) -> bool:
    """Whether so few may come by chance where so many were to be expected (Poisson)."""
    term = total = math.exp(-expected)
    for number in range(1, seen + 1):
        term *= expected / number
        total += term
    return total >= _STOPPED
