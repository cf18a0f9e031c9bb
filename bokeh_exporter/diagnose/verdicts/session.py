"""A live session that keeps growing: looked for in the stretches in which nobody comes or goes.

There what grows belongs to the sessions that are open, or to what they do to the process: decided by whether it
goes away with them. Models and data of live documents are theirs by definition; blocks, bytes and models in no
document are looked at after full collections only, since before one they may be garbage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ...thresholds import Thresholds
from .fields import AppSample
from .history import Point
from .judgement import PROCESS, SESSION, Evidence
from .samples import Sample
from .series import Growth, collected, duration, growth, live, of_server, resident, size, total
from .trend import along

#: Events above which growth is per event rather than over time.
_EVENTS = 20
#: Events beyond which the exporter's own records of them take no more.
_RECORDS = 1000
#: Points that a stretch must have.
_POINTS = 6
#: Seconds since the end of a stretch after which it is history.
_LATELY = 3600.0
#: Blocks of Python below which nothing is said, and times as many bytes while garbage may be among them.
_BLOCKS, _UNCOLLECTED = 5000, 4
#: Blocks for each model that updates have built, gone or not: Bokeh keeps a dead weak reference to one with events.
_BLOCKS_BUILT = 2
#: The same where nothing happens that growth could be due to; a clean app that is left open grew by 300.
BLOCKS_ALONE = 50_000
#: Maximum bytes that come with a block of Python, where they are the objects'.
_OBJECT_BYTES = 400
#: Of what grew, the share that stays when the session has gone for it to be the process that grows.
_STAYS = 0.5


#: Seconds above which a stretch is a server's, and standard deviations by which it must differ from a walk: one
#: stretch of a day's hundreds that looks like growth is no evidence.
_MINUTES, _NO_WALK = 240.0, 4.5

#: Seconds that a saw tooth of the collector may take: a stretch of a server that is shorter may be one.
_TOOTH = 1800.0

#: Rows that are a live document's by definition.
OF_DOCUMENTS = frozenset({"bokeh_document_models", "bokeh_data_source_size_bytes"})
#: What is known of the process only: number, words, row, reason.
_OF_PROCESS: Sequence[tuple[Callable[[Sample], float | None], str, str, str]] = (
    (lambda sample: sample.process.orphaned, "models in no document", "bokeh_models_orphaned", "models"),
    (lambda sample: sample.process.blocks, "blocks of Python objects", "bokeh_python_allocated_blocks", "objects"),
    (lambda sample: sample.process.heap, "", "bokeh_memory_malloc_bytes", "bytes"),
    (lambda sample: resident(sample.process), "", "bokeh_memory_rss_bytes", "bytes"),
)


class _Stretch(NamedTuple):
    """Points between which the sessions of an app are the same; ``calm`` if those of all apps are."""

    points: Sequence[Point]
    after: Sequence[Point]
    app: str
    calm: bool

    @property
    def events(self) -> float:
        """What browsers sent, or else calls of callbacks, if it was enough to say that growth is due to it; or 0."""
        now, before = (point.last.apps[self.app] for point in (self.points[-1], self.points[0]))
        # One message may call ever more callbacks; per call that looks like less and less growth.
        return next((n for n in (_messages(now) - _messages(before), now.events - before.events) if n >= _EVENTS), 0.0)

    @property
    def built(self) -> float:
        """Models that updates constructed meanwhile."""
        now, before = (point.last.apps[self.app] for point in (self.points[-1], self.points[0]))
        return (now.models_updated or 0) - (before.models_updated or 0)

    def growth(self, number: Callable[[Sample], float | None], points: Sequence[Point] | None = None) -> Growth | None:
        pace = self._pace()
        return growth((pace(point), number(point.last)) for point in (self.points if points is None else points))

    def is_no_walk(self, number: Callable[[Sample], float | None]) -> bool:
        """Whether what grew is more than the noise of a server; in a run of seconds it is garbage that matters."""
        span = self.points[-1].time - self.points[0].time
        if span < _TOOTH:
            return span < _MINUTES and not of_server(self.points)
        pace = self._pace()
        pairs = [(pace(p), value) for p in self.points if (value := number(p.last)) is not None]
        return along(pairs) >= _NO_WALK

    def _pace(self) -> Callable[[Point], float]:
        """Return what growth is measured against."""
        now, before = (point.last.apps[self.app] for point in (self.points[-1], self.points[0]))
        if _messages(now) - _messages(before) >= _EVENTS:
            return lambda point: _messages(point.last.apps[self.app])
        if now.events - before.events >= _EVENTS:
            return lambda point: point.last.apps[self.app].events
        return lambda point: point.time

    def stays(self, number: Callable[[Sample], float | None], grown: Growth) -> bool:
        """Whether what grew is still there when sessions of this stretch have gone."""
        there = live(self.points[-1].last)
        later = [value for point in self.after if live(point.last) < there if (value := number(point.last)) is not None]
        return bool(later) and min(later) - grown.start > _STAYS * grown.total


def _messages(sample: AppSample) -> float:
    return sample.messages or 0


def session_growth(points: Sequence[Point], thresholds: Thresholds) -> list[Evidence]:
    """Return the evidence for growth of live sessions; of the process, where it outlives the session."""
    found: list[Evidence] = []
    for app in points[-1].last.apps:
        for stretch in _stretches(points, app):
            for evidence in _grown(stretch, thresholds):
                if not any((one.metric, one.app) == (evidence.metric, app) for one in found):
                    found.append(evidence)
    return found


def _stretches(points: Sequence[Point], app: str) -> Iterator[_Stretch]:
    begin = 0
    state: object = None
    for index in range(len(points) + 1):
        now = _state(points[index].last, app) if index < len(points) else None
        if now == state:
            continue
        part = points[begin:index]
        if state is not None and len(part) >= _POINTS and points[-1].time - part[-1].time <= _LATELY:
            calm = len({(total(p.last, "created"), total(p.last, "destroyed")) for p in part}) == 1
            yield _Stretch(part, points[index:], app, calm)
        begin, state = index, now


def _state(sample: Sample, app: str) -> object:
    """Return what stays the same while nobody comes or goes; None where nobody is there."""
    now = sample.apps.get(app)
    return (now.connected, now.created, now.destroyed) if now is not None and now.connected else None


def _grown(stretch: _Stretch, thresholds: Thresholds) -> Iterator[Evidence]:
    app = stretch.app
    models = stretch.growth(lambda sample: sample.apps[app].models)
    if models is not None and models.total >= thresholds.session_models:
        yield _evidence(SESSION, stretch, models, f"{models.total:.0f} models", "bokeh_document_models", "models")
    data = stretch.growth(lambda sample: sample.apps[app].data_bytes)
    if data is not None and data.total >= thresholds.session_bytes:
        text = f"{size(data.total)} of data in its sources"
        yield _evidence(SESSION, stretch, data, text, "bokeh_data_source_size_bytes", "data")
    if not stretch.calm:
        return
    clean = collected(stretch.points)
    for number, what, metric, reason in _OF_PROCESS:
        least = _least(reason, stretch, thresholds)
        grown = stretch.growth(number, clean)
        if grown is None and reason == "bytes":
            grown, least = stretch.growth(number), _UNCOLLECTED * least
        if grown is not None and grown.total >= least and stretch.is_no_walk(number):
            verdict = PROCESS if stretch.stays(number, grown) else SESSION
            if reason == "bytes":
                of = "objects" if grown.total < _OBJECT_BYTES * _more_blocks(clean) else "bytes"
                yield _evidence(verdict, stretch, grown, size(grown.total), metric, of)
                return
            yield _evidence(verdict, stretch, grown, f"{grown.total:.0f} {what}", metric, reason)


def _more_blocks(points: Sequence[Point]) -> float:
    blocks = [point.last.process.blocks or 0 for point in points] or [0]
    return blocks[-1] - blocks[0]


def _least(reason: str, stretch: _Stretch, thresholds: Thresholds) -> float:
    if reason == "models":
        return thresholds.session_models
    if reason == "bytes":
        return thresholds.session_bytes
    if not stretch.events:
        return BLOCKS_ALONE
    # The exporter's own records are bounded, so what they take does not rise with the events for ever.
    records = max(_BLOCKS, thresholds.session_blocks * min(stretch.events, _RECORDS))
    return records + _BLOCKS_BUILT * stretch.built


def _evidence(verdict: str, stretch: _Stretch, grown: Growth, what: str, metric: str, reason: str) -> Evidence:
    first, last = stretch.points[0], stretch.points[-1]
    sessions = last.last.apps[stretch.app].connected or 0
    over = f"{stretch.events:.0f} events" if stretch.events else duration(last.time - first.time)
    who = f"{sessions:.0f} open session{'s' if sessions > 1 else ''} of {stretch.app}"
    stayed = ", and that stayed after the session had ended" if verdict == PROCESS else ""
    text = f"{who} grew by {what} over {over}{stayed}{_culprit(first.last, last.last, stretch.app)}"
    return Evidence(verdict, text, metric, grown.total, stretch.app, reason)


def _culprit(first: Sample, last: Sample, app: str) -> str:
    """Name the callback that did most meanwhile, and the classes that were built."""
    done = []
    for (path, name), now in last.callbacks.items():
        before = first.callbacks.get((path, name))
        calls = now.calls - (before.calls if before is not None else 0)
        if path == app and calls > 0:
            busy = now.busy - (before.busy if before is not None else 0)
            blocks = (now.net_blocks or 0) - ((before.net_blocks if before is not None else None) or 0)
            done.append((blocks, busy, name, calls))
    built = sorted(
        (
            (number - first.built.get((path, name), 0), name)
            for (path, name), number in last.built.items()
            if path == app
        ),
        reverse=True,
    )
    text = f"; in that time {max(done)[2]} ran {max(done)[3]:.0f} times" if done else ""
    names = [f"{number:.0f} {name}" for number, name in built[:3] if number > 0]
    return text + (f"; created: {', '.join(names)}" if names else "")
