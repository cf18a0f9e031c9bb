"""Growth, as distinct from warm-up, sawtooth and plateaus.

A run of numbers is cut into thirds along what it may grow with (destroyed sessions, events, time), and the floor
of each third is compared with the next. A third is long enough to hold the bottom of a saw tooth; what has
grown from the first to the second but not from the second to the third was warm-up or has reached its plateau.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from .fields import AppSample, Process
from .samples import Sample

if TYPE_CHECKING:  # a history keeps rows, which are made with what is here
    from .history import Point

#: Of what grew, at least this share must have grown in each half; steady growth has half of it in each. A cache that
#: fills ever more slowly has less than 0.29 in the second; among a dozen visits one more or less is 0.1.
EACH_HALF = 0.3
#: Of the slope, the share that the last third must have in itself. Its floor may be where it begins: a cache that
#: filled up to there has grown in both halves and goes on no more.
GOES_ON = 0.1
#: Spans that are looked at, in seconds: a leak that began lately is lost in a whole day.
WINDOWS = (24 * 3600.0, 6 * 3600.0, 3600.0)
#: Seconds between most samples of a server with a verdict period of ten or more; those of soak come closer together.
_APART = 9.0
_POSITIONS = {field: position for position, field in enumerate(AppSample._fields)}


class Growth(NamedTuple):
    """Growth of y over x."""

    #: Per unit of x.
    slope: float
    #: Over the whole span, at that slope.
    total: float
    #: How far x went.
    span: float
    start: float
    end: float


def growth(pairs: Iterable[tuple[float, float | None]], each_half: float = EACH_HALF) -> Growth | None:
    """Return how y grows with x, None if it does not in both halves or there is too little data.

    Args:
        pairs: x and y, in the order of x; pairs without y are left out.
        each_half: the share of what grew that must have grown in each half.
    """
    known = [(x, y) for x, y in pairs if y is not None]
    thirds = in_thirds(known)
    if not thirds:
        return None
    span = known[-1][0] - known[0][0]
    # The floor of each, at its last place.
    floors = (min(third, key=lambda pair: (pair[1], -pair[0])) for third in thirds)
    (x_low, low), (x_middle, middle), (x_high, high) = floors
    rise = high - low
    slope = rise / (x_high - x_low)
    # Of steady growth each half has its share, wherever in its third the floor is.
    halves = ((middle - low) / (x_middle - x_low), (high - middle) / (x_high - x_middle))
    if rise <= 0 or min(halves) < 2 * each_half * slope or not _goes_on(thirds[2], slope):
        return None
    return Growth(slope, slope * span, span, low, high)


def _goes_on(third: Sequence[tuple[float, float]], slope: float) -> bool:
    """Whether growth has not ended within its last third; unknown where it has only one place."""
    middle = (third[0][0] + third[-1][0]) / 2
    later = [(y, x) for x, y in third if x > middle]
    if not later:
        return True
    (early, x_early), (late, x_late) = min((y, x) for x, y in third if x <= middle), min(later)
    return late - early >= GOES_ON * slope * (x_late - x_early)


def in_thirds(pairs: Sequence[tuple[float, float]]) -> Sequence[Sequence[tuple[float, float]]]:
    """Return pairs, which are in the order of x, by thirds of the way of x; nothing where one of them has none."""
    begin = pairs[0][0] if pairs else 0.0
    span = pairs[-1][0] - begin if pairs else 0.0
    if span <= 0:
        return ()
    at = lambda pair: 3 * (pair[0] - begin) / span  # noqa: E731
    first, second = (bisect.bisect_left(pairs, third, key=at) for third in (1, 2))
    thirds = (pairs[:first], pairs[first:second], pairs[second:])
    return thirds if all(thirds) else ()


def windows(points: Sequence[Point]) -> Iterable[Sequence[Point]]:
    """Yield the points of the whole history, and of shorter spans that end now."""
    times = [point.last.process.time for point in points]
    size = 0
    for seconds in WINDOWS:
        part = points[bisect.bisect_left(times, times[-1] - seconds) :]
        if len(part) != size:
            yield part
        size = len(part)


def of_this_process(points: Sequence[Point]) -> Sequence[Point]:
    """Return the points since a counter fell, as it does when a process is started again; all where none did."""
    ended = [total(point.last, "destroyed") for point in points]
    begin = next((at for at in range(len(ended) - 1, 0, -1) if ended[at] < ended[at - 1]), 0)
    return points[begin:]


def of_server(points: Sequence[Point]) -> bool:
    """Whether these are the samples of a server rather than those of a run of seconds, as soak's."""
    gaps = sorted(after.time - before.time for before, after in pairwise(points))
    return bool(gaps) and gaps[len(gaps) // 4] >= _APART  # older samples are a minute apart, however often one is taken


def total(sample: Sample, field: str) -> float:
    """Return a number summed over all apps; where no app has it, 0."""
    position = _POSITIONS[field]
    return sum([app[position] or 0 for app in sample.apps.values()])


def live(sample: Sample) -> float:
    """Return how many sessions are not destroyed."""
    return sum(app.live for app in sample.apps.values())


def resident(process: Process) -> float | None:
    """Return anonymous resident bytes less what the C allocator has free."""
    return None if process.rss_anon is None else process.rss_anon - (process.malloc_free or 0)


def collected(points: Sequence[Point]) -> list[Point]:
    """Return the points that a full collection precedes by less than one step: garbage is not in their numbers."""
    return [
        point
        for before, point in pairwise(points)
        if point.last.process.gc_full is not None and point.last.process.gc_full > before.time
    ]


def at_rest(points: Sequence[Point]) -> list[Point]:
    """Return the points at which about as few sessions as ever took memory: there it can be compared.

    A destroyed one that is still there takes it, too: until the grace is over nobody knows whether it stays, and it
    takes ten that do to call it a leak.
    """
    if not points:
        return []
    still = ("pending_sessions", "retained_sessions")
    there = [live(point.last) + sum(total(point.last, state) for state in still) for point in points]
    least = min(there)
    return [point for point, number in zip(points, there, strict=True) if number <= max(least + 1, 1.1 * least)]


def amount(number: float) -> str:
    """Write a number for people: two digits, never an exponent."""
    return f"{number:,.0f}" if abs(number) >= 10 else f"{number:.2g}"


def size(number: float) -> str:
    """Write bytes for people."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(number) >= factor:
            return f"{number / factor:.1f} {unit}"
    return f"{number:.0f} bytes"


def duration(seconds: float) -> str:
    """Write seconds for people."""
    for unit, factor in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * factor:
            return f"{seconds / factor:.0f} {unit}"
    return f"{seconds:.0f} s"
