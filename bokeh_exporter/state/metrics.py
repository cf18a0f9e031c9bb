"""The one state: every catalogue row as a prometheus_client object or a level.

prometheus_client holds the events (a bound child costs about 1.5 us per event; labels are looked
up once, when an app is registered). The registry is private: the host's own default registry is
left alone. Not the multiprocess mode, which drops custom collectors and leaks files.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from prometheus_client import CollectorRegistry

from ..catalogue import APP, BY_NAME, CATALOGUE, Metric
from .counts import Counts
from .elements import Elements
from .events import EventCounter, EventHistogram, Listener
from .interactions import Interactions, current
from .labels import Limiter
from .levels import Level, Levels
from .notices import Notices
from .process_memory import Memory
from .queue import Entry, apply
from .rows import app_position, is_event, zeros
from .safe_looks import type_name
from .spans import Spans
from .wording import clean_all

log = logging.getLogger("bokeh_exporter")

#: Observations between two drains, of which there are several a second; a busy server makes some thousands.
QUEUE = 200_000


class State:
    """Where the numbers live. Safe to use from any thread, but not from gc or weakref callbacks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self.levels = Levels()
        self.limiter = Limiter()
        self.interactions = Interactions()
        self.elements = Elements(self.interactions)
        self.memory = Memory()
        #: Observations of the hot path, see :meth:`record`. Bounded: what is never drained must not grow.
        self.queue: deque[Entry] = deque(maxlen=QUEUE)
        #: What the hot path only counts.
        self.counts = Counts()
        #: Called with each drained batch after it was applied, in the thread that drains: further outputs.
        self.consumers: list[Callable[[list[Entry]], None]] = []
        #: Writes spans; None while nobody does.
        self.spans: Spans | None = None
        #: Carries a request of the ASGI host, with its route, through to the host; None while nobody traces requests.
        self.middleware: Callable[..., Awaitable[None]] | None = None
        #: What happened, for logs.
        self.notices = Notices()
        #: Called with every observation of a histogram; empty while nobody needs more than the sums.
        self.listeners: list[Listener] = []
        self._draining = threading.Lock()
        #: Whether hot paths have recorded something. Set by :meth:`drain`, and taken back by who has seen it.
        self.busy = False
        #: Called by :meth:`drain`: what hot paths, garbage collector and weak references left elsewhere is applied.
        self.on_drain: list[Callable[[], None]] = []
        #: How often an app was removed: who keeps children by label drops them when it has changed.
        self.removals = 0
        #: Seconds spent in hooks and samples; a plain cell, since a lock costs more than the number is worth.
        self.overhead = [0.0]
        self._events: dict[str, EventCounter | EventHistogram] = {}
        self._children: dict[str, dict[tuple[str, ...], EventCounter | EventHistogram]] = {}
        self._guard = threading.Lock()
        self._logged: set[str] = set()
        #: Rows of a library that the app has not imported: not even at zero.
        self._absent = {metric.name for metric in CATALOGUE if metric.optional}
        for metric in CATALOGUE:
            if is_event(metric):
                self._events[metric.name] = self._build(metric)
                self._children[metric.name] = {}
                if not any(not label.values for label in metric.labels):
                    self.touch(metric.name)

    def _build(self, metric: Metric) -> EventCounter | EventHistogram:
        if metric.kind == "counter":
            return EventCounter(metric.name, metric.help, metric.label_names, registry=self.registry)
        histogram = EventHistogram(
            metric.name, metric.help, metric.label_names, buckets=metric.buckets, registry=self.registry
        )
        histogram.listeners = self.listeners
        return histogram

    def counter(self, name: str, *labels: str) -> EventCounter:
        """Return the child of a counter's row, its label values bounded.

        Look it up once and keep it: this takes a lock, the child's ``inc`` is the hot path.

        Raises:
            TypeError: the row is no counter.
        """
        child = self._child(name, *labels)
        if not isinstance(child, EventCounter):
            raise TypeError(f"{name} is no counter")
        return child

    def histogram(self, name: str, *labels: str) -> EventHistogram:
        """Return the child of a histogram's row, as :meth:`counter` does.

        Raises:
            TypeError: the row is no histogram.
        """
        child = self._child(name, *labels)
        if not isinstance(child, EventHistogram):
            raise TypeError(f"{name} is no histogram")
        return child

    def _child(self, name: str, *labels: str) -> EventCounter | EventHistogram:
        """Return the child of a row of either kind."""
        children = self._children[name]
        found = children.get(labels)
        if found is not None:
            return found
        if not labels:
            return children.setdefault((), self._events[name])
        labels = clean_all(labels)  # before the look-up: whoever removes an app knows its cleaned name
        with self._guard:
            found = children.get(labels)
            if found is not None:
                return found
            admitted, folded = self.limiter.admit(BY_NAME[name], labels)
            child: EventCounter | EventHistogram = self._events[name].labels(*admitted)
            if not folded:
                children[labels] = child
        if folded and name != "bokeh_exporter_overflow_total":
            self.counter("bokeh_exporter_overflow_total", name).inc()
        return child

    def record(self, update: Callable[[float], None], value: float) -> None:
        """Observe from a hot path: hand a counter's ``inc`` or a histogram's ``observe`` over with its value.

        Costs a tenth of calling it: it is queued, with the interaction it belongs to, and called off the
        hot path by :meth:`drain`. Takes no lock. Who has the number at hand appends to :attr:`queue` itself.
        """
        self.queue.append((update, value, current.get()))

    def drain(self) -> None:
        """Apply what was recorded, then hand it on. Called before each scrape and a few times a second."""
        with self._draining:
            queue = self.queue
            # In one call, without a line of Python for each: none of them is None.
            batch = list(itertools.islice(iter(queue.popleft, None), len(queue)))
            if batch:
                self._apply(batch)
            counted = self.counts.settle(lambda error: self.swallow("drain", error))
            self.busy = self.busy or counted or bool(batch)
        for left in list(self.on_drain):
            try:
                left()
            except Exception as error:
                self.swallow("drain", error)

    def _apply(self, batch: list[Entry]) -> None:
        apply(batch, lambda error: self.swallow("drain", error))
        for consume in self.consumers:
            try:
                consume(batch)
            except Exception as error:
                self.swallow("drain", error)

    def totals(self, name: str) -> Iterable[tuple[str, tuple[str, ...], float]]:
        """Yield what was counted for one row: name, label values and number, of a histogram its sum and count."""
        family: Any
        for family in self._events[name].collect():
            yield from family.totals()

    def after_fork(self) -> None:
        """In a forked server process: locks that a thread of the parent may have held are replaced."""
        self._draining = threading.Lock()
        self._guard = threading.Lock()
        self.elements.after_fork()
        self.memory.attribution.after_fork()

    def touch(self, name: str, app: str | None = None) -> None:
        """Let the series of a row exist at zero: every closed value, for one app where the row has apps."""
        closed = [(app,) if label is APP and app is not None else label.values for label in BY_NAME[name].labels]
        for labels in itertools.product(*closed):
            self._child(name, *labels)

    def touch_app(self, app: str) -> None:
        """Let every series of an app exist at zero, as far as its labels are closed."""
        for name in self._events:
            labels = BY_NAME[name].labels
            if name not in self._absent and APP in labels and all(label is APP or label.values for label in labels):
                self.touch(name, app)

    def appear(self, name: str, apps: Iterable[str]) -> None:
        """Let the series of an optional row exist at zero, now that there is what it measures."""
        self._absent.discard(name)
        for app in apps:
            self.touch(name, app)

    def remove_app(self, app: str) -> None:
        """Drop the series of an app that is gone, and free its place under the caps."""
        with self._guard:
            removed = 0
            for name, children in self._children.items():
                position = app_position(BY_NAME[name])
                if position is None:
                    continue
                for labels in [labels for labels in children if labels[position] == app]:
                    self.counts.forget(children.pop(labels))
                    removed += 1
                    self._events[name].remove(*labels)
            self.limiter.forget(app, removed)
            self.removals += 1
        self.memory.attribution.forget(app)

    def swallow(self, component: str, error: BaseException) -> None:
        """Count an exception of ours that must not reach the host; log the first of each component. Raises nothing."""
        with contextlib.suppress(Exception):  # a log handler may raise, and so may a clock that somebody has replaced
            self.counter("bokeh_exporter_errors_total", component).inc()
            if component not in self._logged:
                self._logged.add(component)
                # Not the message: a KeyError's is the key, and that may be a session's id.
                log.warning(
                    "%s failed inside bokeh_exporter with %s; the app is not affected, the number may be missing. "
                    "Further failures are only counted, in bokeh_exporter_errors_total. Please report this:\n%s",
                    component,
                    type_name(type(error)),
                    "".join(traceback.format_tb(error.__traceback__)),
                )

    def zeros(self, apps: Iterable[str]) -> Iterable[Level]:
        """Return the levels that exist at zero: closed values of gauges, for each known app."""
        return zeros(tuple(apps))
