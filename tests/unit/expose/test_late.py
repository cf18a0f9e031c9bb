"""Spans made after the fact: nothing on the hot path, the right times and parents, none twice."""

from __future__ import annotations

from collections.abc import Iterator
from time import time_ns
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bokeh_exporter.expose.otel.metrics import Pending
from bokeh_exporter.expose.otel.traces import Traces
from bokeh_exporter.state import State


class Begun(SpanProcessor):  # type: ignore[misc]  # without OpenTelemetry it is Any
    """Notes what was begun."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.names.append(span.name)


class Spans:
    """A real provider, what it has begun and what has come out of it."""

    def __init__(self) -> None:
        self.begun, self.exported = Begun(), InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(self.begun)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exported))
        self.state = State()
        self.traces = Traces(self.state, self.provider, Pending(self.state))
        self.traces.start()

    def ended(self) -> dict[str, Any]:
        self.state.drain()
        spans = self.exported.get_finished_spans()
        assert len({span.name for span in spans}) == len(spans), "none is there twice"
        return {span.name: span for span in spans}


@pytest.fixture
def spans() -> Iterator[Spans]:
    spans = Spans()
    yield spans
    spans.traces.stop()
    spans.provider.shutdown()


def view() -> None: ...


def test_the_hot_path_makes_none_and_the_times_are_its_own(spans: Spans) -> None:
    times = [time_ns()]
    outer = spans.traces.interaction("/app", "property", 1, None, None)
    assert outer is not None
    times.append(time_ns())
    inner = spans.traces.call("/app", None, "app.py:view", 1, view)
    assert inner is not None
    inner.leave(None)
    times.append(time_ns())
    outer.leave(None)
    times.append(time_ns())
    assert spans.begun.names == []
    ended = spans.ended()
    interaction, callback = ended["property /app"], ended["app.py:view"]
    assert times[0] <= interaction.start_time <= times[1] <= callback.start_time
    assert callback.end_time <= times[2] <= interaction.end_time <= times[3]
    assert callback.parent.span_id == interaction.context.span_id
    assert callback.attributes["code.line.number"] == view.__code__.co_firstlineno


def test_who_asks_for_it_gets_it_at_once(spans: Spans) -> None:
    begun = spans.traces.call("/app", "periodic", "app.py:view", 1, view)
    assert begun is not None
    with spans.provider.get_tracer("the app").start_as_current_span("query"):
        pass
    trace.get_current_span().set_attribute("rows", 3)
    assert spans.begun.names == ["periodic /app", "app.py:view", "query"]
    begun.leave(KeyError("secret"))
    ended = spans.ended()
    assert ended["query"].parent.span_id == ended["app.py:view"].context.span_id
    assert ended["app.py:view"].parent.span_id == ended["periodic /app"].context.span_id
    assert ended["app.py:view"].attributes["rows"] == 3
    assert ended["app.py:view"].attributes["error.type"] == "KeyError"
    assert not trace.get_current_span().is_recording()


def test_a_callback_that_outlasts_its_interaction_is_in_it(spans: Spans) -> None:
    outer = spans.traces.interaction("/app", "event", 1, None, None)
    inner = spans.traces.call("/app", None, "app.py:view", 1, view)
    assert outer is not None
    assert inner is not None
    inner.suspend()
    outer.leave(None)
    interaction = spans.ended()["event /app"]
    inner.resume()
    inner.leave(None)
    assert spans.ended()["app.py:view"].parent.span_id == interaction.context.span_id
