"""Queries of HTTP requests come out of no span, however late they came in."""

from __future__ import annotations

import logging

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from bokeh_exporter.instrumentor import WithoutQueries


@pytest.mark.parametrize("late", [False, True])
def test_a_query_comes_out_of_no_span(late: bool, caplog: pytest.LogCaptureFixture) -> None:
    exported = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(WithoutQueries())
    provider.add_span_processor(SimpleSpanProcessor(exported))
    queries = {"http.target": "/app?token=MARKER", "url.query": "token=MARKER", "http.route": "/app"}
    span = provider.get_tracer("test").start_span(
        "GET /app", kind=SpanKind.SERVER, attributes={} if late else queries
    )  # fmt: skip
    if late:  # as a framework does that reads the request after it has begun the span
        span.set_attributes(queries)
    with caplog.at_level(logging.WARNING, "opentelemetry"):
        span.end()
    (read,) = exported.get_finished_spans()
    assert read.attributes is not None
    assert dict(read.attributes) == {"http.target": "/app?REDACTED", "url.query": "REDACTED", "http.route": "/app"}
    assert read.dropped_attributes == 0
    assert caplog.messages == []
    provider.shutdown()
