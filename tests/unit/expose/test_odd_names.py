"""No name can break an output: exposition, OTLP, JSON, page, log and terminal, with any character and any type."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from bokeh_exporter.expose.otel.metrics import Metrics, Pending
from bokeh_exporter.expose.page import status_page
from bokeh_exporter.expose.prometheus import Exposition, LevelCollector
from bokeh_exporter.observe.callbacks.names import name_of
from bokeh_exporter.state import Level, State
from bokeh_exporter.state.numbers import of_state
from bokeh_exporter.state.wording import NAME, PrintableRecords, clean

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
CALLS, MODELS = "bokeh_callback_calls_total", "bokeh_models_orphaned"
#: Where text ends a line for somebody, writes a terminal, or is no text at all.
CODES = ("0a", "0d", "0b", "0c", "1c", "85", "2028", "dce9", "1b", "9b", "202e", "feff")
ODD = [f"a{chr(int(code, 16))}[31mb" for code in CODES]
#: Any character with lone surrogates, more of the odd ones than chance would draw.
TEXT = st.text(
    st.one_of(st.characters(codec=None), st.sampled_from('\n\r\v\f\x1b\x1c\x85\u2028\udce9\\"{}#')), max_size=40
)


class Evil(str):
    """A string whose every method that an output might call raises."""

    def _raise(self, *args: Any, **named: Any) -> Any:
        raise KeyboardInterrupt

    __eq__ = __str__ = __format__ = __len__ = __iter__ = __getitem__ = encode = replace = isprintable = _raise
    __hash__ = _raise


def is_tame(text: str) -> bool:
    return text.isprintable() and len(text) <= NAME and bool(text.encode() or True)


def every_output_holds(name: str) -> None:
    namespace: dict[str, Any] = {"__name__": "appmod"}
    exec("def view(attr, old, new): pass", namespace)
    namespace["view"].__qualname__ = name
    callback = name_of(namespace["view"])
    assert callback is not None
    assert is_tame(callback)
    state = State()
    app = state.limiter.admit_app(name)
    assert is_tame(app)
    reader = InMemoryMetricReader()
    pending = Pending(state)
    pending.start()
    metrics = Metrics(state, MeterProvider([reader]), pending)
    state.counter(CALLS, name, name).inc(3)
    state.registry.register(LevelCollector(state, lambda: [Level(MODELS, 7.0, (name,))]))
    exposition = Exposition(state.registry, state.counter("bokeh_exporter_unwritable_series_total").inc)
    for accept, parse in (("", parse_text), (OPENMETRICS, parse_openmetrics)):
        for names in ((), (CALLS, MODELS)):
            text = exposition(accept, names)[1].decode()
            samples = [sample for family in parse(text) for sample in family.samples]
            read = {sample.name: sample for sample in samples if sample.value in (3, 7)}
            assert (read[CALLS].value, read[CALLS].labels) == (3, {"app": app, "callback": clean(name)})
            assert read[MODELS].labels == {"model": clean(name)}
    assert not [1 for _, _, number in state.totals("bokeh_exporter_unwritable_series_total") if number]
    encode_metrics(reader.get_metrics_data()).SerializeToString()
    metrics.stop()
    numbers = of_state(state, [Level(MODELS, 7.0, (name,))], frozenset({CALLS, MODELS}))
    labels = {label for row in numbers.values() for values in row for label in values}
    assert all(map(is_tame, labels))
    json.loads(json.dumps(sorted(labels), ensure_ascii=False).encode())
    page = status_page({"evidence": [{"text": name}], "name": name, "advice": name}, name, logout=False)
    page.body.decode()
    record = logging.LogRecord("bokeh_exporter", logging.INFO, "", 0, "%s blocks", (name,), None)
    assert PrintableRecords().filter(record)
    assert all(char.isprintable() or char in "\n\t" for char in record.getMessage())


@pytest.mark.parametrize("name", [*ODD, "", "x" * 100_000, "b0.0", 'a"} 1\nevil_metric{x="', "\U0010ffff"], ids=ascii)
def test_an_odd_name(name: str) -> None:
    every_output_holds(name)


@given(TEXT)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_any_name(name: str) -> None:
    every_output_holds(name)


@given(TEXT)
@settings(deadline=None, derandomize=True)
def test_a_clean_name_is_itself_and_cleaning_ends(name: str) -> None:
    assert clean(clean(name)) == clean(name)
    if name.isprintable():
        assert clean(name) == name


def test_a_name_that_is_no_plain_string_runs_nothing() -> None:
    assert clean(Evil("caf\udce9")) == "caf\\udce9"
    assert clean(None) == "<NoneType>"
    assert clean("x" * 5000) != clean("x" * 5001)


def test_what_cannot_be_written_is_left_out_and_counted() -> None:
    """As if a name had come in by another door: both encoders, whole and restricted."""
    state = State()
    state.counter(CALLS, "/app", "good").inc()
    state._events[CALLS].labels("/app", "caf\udce9").inc()
    left = state.counter("bokeh_exporter_unwritable_series_total")
    exposition = Exposition(state.registry, left.inc)
    for count, (accept, names) in enumerate([("", ()), (OPENMETRICS, ()), ("", (CALLS,)), (OPENMETRICS, (CALLS,))], 1):
        assert b'bokeh_callback_calls_total{app="/app",callback="good"} 1.0' in exposition(accept, names)[1]
        assert left.numbers() == [count]
