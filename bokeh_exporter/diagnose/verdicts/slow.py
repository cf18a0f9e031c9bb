"""Slow growth over hours: of the process with its visits, of a session that stays open, of what nobody visits.

Whether it grows is ``trend``'s question, whether that matters is asked here: by what it makes in a day, never by what
a visit leaves. What a trend said an hour ago still holds until the memory is free again, or until it has not grown
for as long as it had grown: so a verdict does not come and go with the noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ...thresholds import Thresholds
from .bends import ends, keeps_its_pace
from .history import Point
from .judgement import PROCESS, SESSION, Evidence
from .rows import BLOCKS, CREATED, DESTROYED, HEAP, LIVE, RESIDENT, THERE, TIME, Table, table
from .series import duration, of_server, size
from .trend import BOUND, WINDOWS, Drift, drift, floors, in_steps

#: Bytes that a Python block stands for, about; it makes blocks comparable with what matters.
BLOCK_BYTES = 100.0
#: Number -> row, words, bytes of one.
_NUMBERS = {
    BLOCKS: ("bokeh_python_allocated_blocks", BLOCK_BYTES),
    HEAP: ("bokeh_memory_malloc_bytes", 1.0),
    RESIDENT: ("bokeh_memory_rss_bytes", 1.0),
}
#: Seconds after which a session's first imports and caches are warm.
_WARM = 3600.0
#: Ends of windows that are looked at, in seconds ago: the present, and what held before.
_ENDS = (0.0, 3600.0, 2 * 3600.0, 3 * 3600.0, 4 * 3600.0, 6 * 3600.0, 8 * 3600.0, 12 * 3600.0)
#: Of what had grown, the share that must still be there, and of the pace the share that it must still have.
_HELD, _GOES_ON = 0.5, 0.25
#: Visits of a window of two hours above which nobody waits for a longer one: memory is full soon. With fewer, the noise
#: of the sessions hides how a cache of hundreds of MB bends.
_BUSY = 1800
#: An hour of rows: with less there is no window.
_LEAST_ROWS = 60


#: Seconds of history needed to measure noise, and how they are cut.
_TELLS, _SPANS, _BUCKETS = 1200.0, (3600.0, 6 * 3600.0), 12

#: Times the sessions of a judgement that it takes to tell a pace from visitors who come now and then.
_MANY = 4


class Slow(NamedTuple):
    """What grows slowly."""

    verdict: str
    column: int
    drift: Drift
    #: Bytes in a day, with its error.
    per_day: float
    error: float

    @property
    def visits_based(self) -> bool:
        """Whether it grows with visits rather than with time."""
        return self.drift.pace == DESTROYED


class Bound(NamedTuple):
    """What is excluded: nothing above this grows."""

    #: ``visit`` or ``day``.
    per: str
    bytes: float


def slow_growth(points: Sequence[Point], thresholds: Thresholds) -> Slow | None:
    """Return the surest slow growth that matters; None where there is none, or too little has been seen."""
    return grown(table(points), thresholds) if len(points) >= _LEAST_ROWS else None


def grown(rows: Table, thresholds: Thresholds) -> Slow | None:
    """Return the same of rows."""
    part, verdict = _part(rows)
    if len(part) < _LEAST_ROWS:
        return None
    now = part[-1, TIME]
    for ago in _ENDS:
        found = [slow for slow in _at(part, verdict, now - ago, thresholds) if ago == 0.0 or _stands(part, slow)]
        if found:
            return max(found, key=lambda slow: slow.drift.score)
    return None


def confirmed(points: Sequence[Point], metric: str | None, thresholds: Thresholds) -> bool:
    """Whether growth per visit, seen in a few floors, is more than noise and no cache that fills ever more slowly.

    Exact counts have no noise. Nor is noise asked for in a run of soak; a server's first twenty minutes tell nothing.
    """
    column = next((column for column, (row, _) in _NUMBERS.items() if row == metric), None)
    if column is None:
        return True
    span, rows = points[-1].time - points[0].time, table(points)
    if span < _TELLS or len(rows) < 2 * _BUCKETS:
        # A server's first minutes are imports, and a sample each five minutes is too few for an hour.
        return not of_server(points)
    if rows[-1, TIME] - rows[0, TIME] < _TELLS:
        return True
    now, visits = rows[-1, TIME], rows[-1, DESTROYED] - rows[0, DESTROYED]
    least = _MANY * thresholds.judge_sessions if visits >= thresholds.judge_sessions else 0.0
    spans = {min(span, now - rows[0, TIME]) for span in (*_SPANS, now - rows[0, TIME])}
    for span in spans:
        found = floors(rows, column, now, (span + 1.0) / _BUCKETS, _BUCKETS)
        if found is None:
            continue
        for pace in (DESTROYED, TIME):
            seen = drift(found, pace)
            if seen is None or not seen.grows or seen.visits < least:
                continue
            if column == RESIDENT and in_steps(rows, column, found):
                continue
            if keeps_its_pace(rows, column, found, certainly=True):
                return True
    return False


def _part(rows: Table) -> tuple[Table, str]:
    """Return the rows to judge, and what growth in them is: of a session as long as nobody else comes or goes."""
    same = (rows[:, CREATED] == rows[-1, CREATED]) & (rows[:, DESTROYED] == rows[-1, DESTROYED])
    begin = int(np.flatnonzero(~same)[-1]) + 1 if not same.all() else 0
    stretch = rows[begin:]
    if rows[-1, LIVE] > 0 and rows[-1, TIME] - stretch[0, TIME] >= 2 * _WARM:
        return stretch[stretch[:, TIME] >= stretch[0, TIME] + _WARM], SESSION
    # Visits begin when the server opens; what is before them is another life.
    first = int(np.argmax(rows[:, DESTROYED] > rows[0, DESTROYED] + 2))
    return rows[first:], PROCESS


def _at(part: Table, verdict: str, end: float, thresholds: Thresholds) -> Iterator[Slow]:
    columns = [BLOCKS, RESIDENT if np.isnan(part[:, HEAP]).all() else HEAP]
    if columns[1] == HEAP and not np.isnan(part[:, RESIDENT]).all():
        columns.append(RESIDENT)
    for width, count in WINDOWS:
        if end - width * (count - 0.5) < part[0, TIME]:
            break
        # Beside the heap resident memory moves in steps of whole arenas: it takes a day to see that they are not few.
        for column in columns if (width, count) == WINDOWS[-1] else columns[:2]:
            found = floors(part, column, end, width, count)
            if found is None:
                continue
            visits = found.visits[-1] - found.visits[0]
            enough = visits >= thresholds.judge_sessions
            if width == WINDOWS[0][0] and visits < _BUSY:
                continue  # a buffer that is emptied every few hours looks the same
            for pace in (DESTROYED, TIME) if enough and verdict == PROCESS else (TIME,):
                seen = drift(found, pace)
                if seen is None or not seen.grows or (column == RESIDENT and in_steps(part, column, found)):
                    continue
                if keeps_its_pace(part, column, found):
                    bytes_each = _NUMBERS[column][1]
                    per_day = seen.per_day * bytes_each
                    if per_day >= thresholds.growth_per_day:
                        yield Slow(verdict, column, seen, per_day, per_day * seen.error / seen.slope)


def _stands(part: Table, slow: Slow) -> bool:
    """Whether what grew some hours ago is still there, and has not been flat for as long as it grew."""
    drifted = slow.drift
    now = float(part[-1, TIME])
    later = part[part[:, TIME] > drifted.end]
    before = part[(part[:, TIME] >= drifted.start) & (part[:, TIME] <= drifted.end)]
    if len(later) < 2 or len(before) < 10:
        return True
    whole = floors(part, slow.column, now, (now - drifted.start) / _BUCKETS, _BUCKETS)
    if whole is not None and ends(whole):
        return False
    # With those who are there taken off or not, as a tide may have hidden what one of them takes: either may say so.
    return any(_is_held(slow, before, later, each) for each in (0.0, drifted.each))


def _is_held(slow: Slow, before: Table, later: Table, each: float) -> bool:
    drifted = slow.drift
    levels, earlier = (rows[:, slow.column] - each * rows[:, THERE] for rows in (later, before))
    low = float(np.nanmin(levels[-10:]))
    if low - float(np.nanmin(earlier[:10])) < _HELD * drifted.total:
        return False
    at = DESTROYED if drifted.pace == DESTROYED else TIME
    way = float(later[-1, at] - later[0, at])
    if way < before[-1, at] - before[0, at]:
        return True
    return low - float(np.nanmin(earlier[-10:])) >= _GOES_ON * drifted.slope * way


def evidence_of(slow: Slow, points: Sequence[Point]) -> Evidence:
    """Say it with its rate, in the units that people think in."""
    row, each = _NUMBERS[slow.column]
    seen = slow.drift
    rate = f"+{size(slow.per_day)} per day"
    span = duration(seen.end - seen.start)
    what = f"{seen.total:,.0f} blocks of Python objects" if slow.column == BLOCKS else size(seen.total)
    if slow.visits_based:
        left = f"{seen.slope:,.0f} blocks" if slow.column == BLOCKS else size(seen.slope)
        text = f"{rate}: each of {seen.visits:.0f} visits in {span} left {left} behind, without the open sessions"
    elif slow.verdict == SESSION:
        text = f"{rate}: {what} more in {span} in which no session started or ended"
    else:
        text = f"{rate}: {what} more in {span}, without the open sessions"
    app = None
    if slow.verdict == SESSION:
        apps = [name for name, sample in points[-1].last.apps.items() if sample.live]
        app = apps[0] if len(apps) == 1 else None
    reason = "objects" if slow.column == BLOCKS else "bytes"
    return Evidence(slow.verdict, f"{text}; not bounded yet", row, seen.slope, app, reason, seen.total * each)


def excluded(points: Sequence[Point]) -> list[Bound]:
    """Return upper bounds of growth, per visit and per day, 95 % each; nothing where too little has been seen."""
    if not points:
        return []
    rows = table(points)
    if len(rows) < _LEAST_ROWS:
        return []
    part, _ = _part(rows)
    if len(part) < _LEAST_ROWS:
        return []
    best: dict[str, float] = {}
    column = RESIDENT if np.isnan(part[:, HEAP]).all() else HEAP
    for width, count in WINDOWS:
        found = floors(part, column, part[-1, TIME], width, count)
        if found is None:
            continue
        for pace, per, factor in ((DESTROYED, "visit", 1.0), (TIME, "day", 86400.0)):
            if pace == DESTROYED and found.visits[-1] - found.visits[0] < 2 * count:
                continue
            seen = drift(found, pace)
            if seen is not None:
                bound = (max(seen.slope, 0.0) + BOUND * seen.error) * factor
                best[per] = min(best.get(per, math.inf), bound)
    return [Bound(per, bytes) for per, bytes in best.items()]
