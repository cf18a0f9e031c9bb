"""The catalogue as instruments of the user's ``Meter``.

Counters and levels are observable instruments that read one snapshot per collection. A histogram of
OpenTelemetry has to be given each value: what the state observes is kept in a bounded queue and
handed over as a collection begins, since a synchronous instrument costs 16 to 28 us a call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

from ..._version import __version__
from ...catalogue import CATALOGUE, SCHEMA_URL, Metric, attribute
from ...state import State
from ...state.events import EventHistogram
from .snapshots import Snapshots

#: Observations between two collections: a minute of 1,500 a second.
QUEUE = 100_000
#: The instrumentation scope of all that we emit.
SCOPE = "bokeh_exporter"

#: Attributes that the conventions have as numbers.
_NUMBERS = {"http.response.status_code"}

Attributes = dict[str, str | int]


class Pending:
    """Observations that OpenTelemetry has not been given yet. Bounded; what is beyond is counted and dropped."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._queue: deque[tuple[EventHistogram, float]] = deque()
        self._dropped = 0
        #: An observation -> the span that it was made in; durations hardly ever repeat.
        self.spans: dict[tuple[EventHistogram, float], SpanContext] = {}

    def start(self) -> None:
        """Begin to keep what histograms observe."""
        self._state.listeners.append(self._listen)

    def stop(self) -> None:
        """End it, and forget what is kept."""
        if self._listen in self._state.listeners:
            self._state.listeners.remove(self._listen)
        self._queue.clear()

    def _listen(self, histogram: EventHistogram, values: Sequence[float]) -> None:
        room = QUEUE - len(self._queue)
        if len(values) > room:
            self._dropped += len(values) - max(0, room)
            values = values[: max(0, room)]
        for value in values:
            self._queue.append((histogram, value))

    def take(self) -> Iterable[tuple[EventHistogram, float]]:
        """Take what there is now, and count what was dropped meanwhile."""
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            self._state.counter("bokeh_exporter_otel_dropped_total", "histogram").inc(dropped)
        for _ in range(len(self._queue)):
            yield self._queue.popleft()


class Metrics:
    """The instruments of one exporter, on a provider that is the user's or ours.

    Args:
        state: whose registry is read.
        provider: whose views, resource, readers and temporality count.
        pending: what the histograms have observed.
    """

    def __init__(self, state: State, provider: MeterProvider, pending: Pending) -> None:
        self._state, self._pending = state, pending
        self._open = True
        self._snapshots = Snapshots(state, self._flush)
        self._histograms: dict[str, Any] = {}
        self._attributes: dict[tuple[str, tuple[str, ...]], Attributes] = {}
        self._meter = provider.get_meter(SCOPE, __version__, SCHEMA_URL)
        for metric in CATALOGUE:
            self._make(metric)

    def stop(self) -> None:
        """Say nothing any more: an instrument cannot be taken off its meter."""
        self._open = False

    def _make(self, metric: Metric) -> None:
        meter, name, unit, text = self._meter, metric.otel_name, metric.unit, metric.help
        if metric.kind == "histogram":
            self._histograms[metric.name] = (
                metric,
                meter.create_histogram(name, unit, text, explicit_bucket_boundaries_advisory=metric.buckets),
            )
        elif metric.kind == "counter":
            meter.create_observable_counter(name, [self._callback(metric)], unit, text)
        else:
            meter.create_observable_gauge(name, [self._callback(metric)], unit, text)

    def _callback(self, metric: Metric) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(options: CallbackOptions) -> Iterable[Observation]:
            if not self._open:
                return []
            try:
                numbers = self._snapshots.of(metric)
                return [Observation(value, self._named(metric, labels)) for labels, value in numbers.items()]
            except Exception as error:
                self._state.swallow("otel", error)
                return []

        return observe

    def _flush(self) -> None:
        for child, value in self._pending.take():
            name, labels = child.identity()
            metric, histogram = self._histograms[name]
            span = self._pending.spans.pop((child, value), None)
            context = None if span is None else set_span_in_context(NonRecordingSpan(span))
            histogram.record(value, self._named(metric, labels), context)

    def _named(self, metric: Metric, labels: tuple[str, ...]) -> Attributes:
        key = metric.name, labels
        found = self._attributes.get(key)
        if found is None:
            if len(self._attributes) > 20_000:  # apps and classes that came and went
                self._attributes.clear()
            found = self._attributes[key] = {}
            for label, value in zip(metric.label_names, labels, strict=True):
                name = attribute(label)
                found[name] = int(value) if name in _NUMBERS and value.isdigit() else value
        return found
