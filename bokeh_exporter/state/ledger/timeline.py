"""Where the time of an interaction went: what was seen from when to when, and the parts that this adds up to.

Hooks note spans; at each instant the one that began last counts, as it is the innermost, and a wait only where nothing
else goes on. So the parts add up to the whole, whatever overlaps, in whichever threads; what no span covers is
``other``.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

#: In the order in which they are reported.
PARTS = ("lock", "threads", "apply", "functions", "models", "recompute", "serialise", "send", "other")
#: Those that are waits: they count where nothing else goes on.
_WAITS = frozenset({"lock", "threads"})
#: Spans that are kept of one interaction once it is over.
_KEPT = 400
#: Seconds between two spans of the same kind that may be taken for one, at first.
_GAP = 0.0002


class Span(NamedTuple):
    """Something that went on. Times are ``perf_counter()``."""

    part: str
    name: str
    begin: float
    end: float
    thread: int


class SpanList(list[Span]):
    """Spans that are only appended to, and what they have added up to."""

    known: tuple[tuple[int, float, float], dict[str, float]] | None = None


def parts_of(spans: Iterable[Span], begin: float, end: float) -> dict[str, float]:
    """Return the seconds of each part between two times; they add up to the time between."""
    if not isinstance(spans, SpanList):
        return _parts(spans, begin, end)
    key = len(spans), begin, end
    if spans.known is None or spans.known[0] != key:
        spans.known = key, _parts(spans, begin, end)
    return spans.known[1]


def _parts(spans: Iterable[Span], begin: float, end: float) -> dict[str, float]:
    seconds = dict.fromkeys(PARTS, 0.0)
    found = sorted(span for span in spans if span.end > begin and span.begin < end)
    found.sort(key=lambda span: span.begin)
    points = sorted({begin, end, *(at for span in found for at in (span.begin, span.end) if begin < at < end)})
    active: list[tuple[bool, float, float, str]] = []
    following = 0
    for left, right in pairwise(points):
        while following < len(found) and found[following].begin <= left:
            span = found[following]
            heapq.heappush(active, (span.part in _WAITS, -span.begin, span.end, span.part))
            following += 1
        while active and active[0][2] <= left:
            heapq.heappop(active)
        seconds[active[0][3] if active else "other"] += right - left
    return seconds


def thinned(spans: list[Span], kept: int = _KEPT) -> SpanList:
    """Return spans with neighbours of the same part and thread as one, so many that they can be kept."""
    spans = sorted(spans, key=lambda span: span.begin)
    gap = _GAP
    while len(spans) > kept and gap < 100:
        joined: list[Span] = []
        for span in spans:
            last = joined[-1] if joined else None
            if (
                last is not None and last.part == span.part and last.thread == span.thread
                and last.end <= span.begin <= last.end + gap
            ):  # fmt: skip
                joined[-1] = last._replace(name=last.name if last.name == span.name else span.part, end=span.end)
            else:
                joined.append(span)
        spans, gap = joined, 4 * gap
    # Of kinds that alternate none can be joined: the longest say most of where the time went.
    longest = heapq.nlargest(kept, spans, key=lambda span: span.end - span.begin)
    return SpanList(sorted(longest, key=lambda span: span.begin))


def _lanes(spans: Iterable[Span], tracks: Iterable[int], end: float) -> list[tuple[int, int]]:
    """Return track and lane of each span, given in the order of their begins.

    In a lane each lies inside of what is open or after it, as viewers need it. An async function does not: while it
    is awaited others begin and end.
    """
    found = []
    open_until: dict[int, list[list[float]]] = {0: [[end]]}
    for span, track in zip(spans, tracks, strict=True):
        lanes = open_until.setdefault(track, [])
        lane = next((number for number, ends in enumerate(lanes) if _fits(span, ends)), len(lanes))
        if lane == len(lanes):
            lanes.append([])
        lanes[lane].append(span.end)
        found.append((track, lane))
    return found


def _fits(span: Span, ends: list[float]) -> bool:
    """Whether a span lies inside of what is open, given by its ends, the innermost last; drop what is over."""
    while ends and ends[-1] <= span.begin:
        ends.pop()
    return not ends or span.end <= ends[-1]


def chrome_trace(
    title: str, spans: Iterable[Span], begin: float, end: float, started: float, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return spans in the Trace Event Format, which Perfetto, speedscope and ``chrome://tracing`` open.

    Args:
        title: what the interaction is called.
        spans: what went on in it.
        begin: its begin, by ``perf_counter()``, and ``end`` its end.
        end: see there.
        started: its begin as Unix time.
        facts: what the viewer shows of it beside its times.
    """
    spans = sorted(spans, key=lambda span: (span.begin, -span.end))
    threads = {thread: number for number, thread in enumerate(dict.fromkeys(span.thread for span in spans), 1)}
    # A wait is no work of the thread that it ends in, and would overlap with what runs there.
    tracks = [0 if span.part in _WAITS else threads[span.thread] for span in spans]
    lanes = _lanes(spans, tracks, end)
    known = list(dict.fromkeys([(0, 0), *((number, 0) for number in threads.values()), *lanes]))
    ids = {lane: number for number, lane in enumerate(known)}

    def event(name: str, part: str, at: float, until: float, thread: int) -> dict[str, Any]:
        return {
            "name": name, "cat": part, "ph": "X", "pid": 1, "tid": thread,
            "ts": round(1e6 * (at - begin), 1), "dur": round(1e6 * max(0.0, until - at), 1),
        }  # fmt: skip

    events = [{**event(title, "interaction", begin, end, 0), "args": dict(facts)}]
    events += [
        event(span.name, span.part, span.begin, span.end, ids[lane]) for span, lane in zip(spans, lanes, strict=True)
    ]
    names = {
        ids[track, lane]: (f"thread {track}" if track else "interaction and waits") + (f", {lane + 1}" if lane else "")
        for track, lane in known
    }
    meta = [
        {"name": "thread_name", "ph": "M", "pid": 1, "tid": thread, "args": {"name": name}}
        for thread, name in names.items()
    ]
    return {
        "traceEvents": [*meta, *events],
        "displayTimeUnit": "ms",
        "otherData": {"interaction": title, "time": started, **facts},
    }
