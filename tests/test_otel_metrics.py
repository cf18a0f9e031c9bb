"""Metrics by OTLP: a real server pushes to a real receiver what it also serves to a scrape."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider

from bokeh_exporter.catalogue import CATALOGUE, EXPORTER, Metric
from bokeh_exporter.expose.otel.metrics import Metrics, Pending
from bokeh_exporter.state import State
from bokeh_exporter.state.metrics import is_event

from .support.collector import Collector, values
from .support.scrapes import Scrape
from .support.servers import ServerProcess, bokeh_serve, panel_serve
from .support.waiting import wait_until

#: Milliseconds between two exports.
OFTEN = {"OTEL_METRIC_EXPORT_INTERVAL": "400", "OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_BLRP_SCHEDULE_DELAY": "200"}

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


def pushing(collector: Collector, protocol: str = "grpc") -> dict[str, str | None]:
    url = collector.grpc_url if protocol == "grpc" else collector.http_url
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol, **OFTEN}


def instrumented(server: ServerProcess) -> ServerProcess:
    server.command[:0] = [str(Path(sys.executable).with_name("opentelemetry-instrument"))]
    return server


# --- comparing ---------------------------------------------------------------------------------------


def exported(metrics: dict[str, Any]) -> Series:
    """An export as the series that a scrape has."""
    found: Series = {}
    for row in CATALOGUE:
        metric = metrics.get(row.otel_name)
        if metric is None:
            continue
        assert metric.unit == row.unit
        assert metric.description == row.help
        data = getattr(metric, metric.WhichOneof("data"))
        for point in data.data_points:
            named = {key.replace(".", "_"): str(value) for key, value in values(point.attributes).items()}
            assert set(named) == set(row.label_names), row.name
            labels = frozenset(named.items())
            if row.kind != "histogram":
                found[row.name, labels] = float(getattr(point, point.WhichOneof("value")))
                continue
            assert tuple(point.explicit_bounds) == row.buckets
            found[row.name + "_sum", labels], total = point.sum, 0
            for bound, count in zip([*row.buckets, float("inf")], point.bucket_counts, strict=True):
                total += count
                found[row.name + "_bucket", labels | {("le", bound_text(bound))}] = total
            found[row.name + "_count", labels] = point.count
    return found


def bound_text(bound: float) -> str:
    return "+Inf" if bound == float("inf") else repr(float(bound))


def scraped(scrape: Scrape, rows: list[Metric]) -> Series:
    found: Series = {}
    for row in rows:
        suffixes = ("_bucket", "_sum", "_count") if row.kind == "histogram" else ("",)
        for suffix in suffixes:
            for labels, value in scrape.values(row.name + suffix).items():
                found[row.name + suffix, labels] = value
    return found


def compare(server: ServerProcess, collector: Collector) -> None:
    """What did not change between two scrapes is equal in an export between them; what counts on lies between."""
    rows = [row for row in CATALOGUE if row.group != EXPORTER]
    histograms = {row.name + part for row in rows if row.kind == "histogram" for part in ("_bucket", "_sum", "_count")}
    before = scraped(server.scrape(), rows)
    seen = len(collector.exports("metrics"))
    wait_until(lambda: len(collector.exports("metrics")) >= seen + 2, 20, "two more exports")
    pushed = exported(collector.metrics(seen + 1))
    after = scraped(server.scrape(), rows)
    same = 0
    for series, value in before.items():
        if after.get(series) != value:
            counts = series[0] in histograms or series[0].endswith("_total")
            assert not counts or value - 1e-9 <= pushed[series] <= after[series] + 1e-9, series
            continue
        if series not in pushed:  # a histogram that has seen nothing does not exist in OTLP
            assert series[0] in histograms, series
            assert value == 0, series
            continue
        same += 1
        assert pushed[series] == pytest.approx(value, abs=1e-9), series
    ours = {name for name, _ in pushed}
    beyond = {name for name, _ in set(pushed) - set(after)}
    assert not [name for name in beyond if any(name.startswith(row.name) for row in rows)]
    assert same > 150
    assert "bokeh_session_create_duration_seconds_count" in ours
    assert "bokeh_sessions" in ours


# --- tests -------------------------------------------------------------------------------------------


@pytest.mark.front_door
@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_push_and_scrape_say_the_same(collector: Collector, protocol: str) -> None:
    env = {"BOKEH_EXPORTER_OTLP": "1", "POD_NAME": "pod-1", "OTEL_RESOURCE_ATTRIBUTES": "team=maps"}
    with panel_serve("slider_panel.py", env=env | pushing(collector, protocol)) as server:
        with server.open_tab("/slider_panel"):
            wait_until(
                lambda: server.scrape().total("bokeh_session_create_duration_seconds_count") >= 1, 20, "a session"
            )
        wait_until(lambda: server.scrape().total("bokeh_sessions_destroyed_total") >= 1, 20, "its end")
        compare(server, collector)
        resource = collector.resources("metrics")[-1]
        assert resource["service.name"] == "bokeh-server"
        assert resource["team"] == "maps"
        assert resource["k8s.pod.name"] == "pod-1"
        assert resource["process.pid"] == server.pid
        assert resource["service.instance.id"]


@pytest.mark.front_door
def test_opentelemetry_instrument_alone(collector: Collector) -> None:
    env = {
        **pushing(collector),
        "OTEL_SERVICE_NAME": "mine",
        "OTEL_TRACES_EXPORTER": "none",
        "BOKEH_EXPORTER_PROMETHEUS": "0",
    }
    with instrumented(bokeh_serve("slider_bokeh.py", run=False, env=env)) as server:
        with server.open_tab("/slider_bokeh"):

            def counted() -> bool:
                series = exported(collector.metrics())
                return series.get(("bokeh_sessions_created_total", frozenset({("app", "/slider_bokeh")}))) == 1

            wait_until(counted, 30, "the session in an export")
        assert collector.resources("metrics")[-1]["service.name"] == "mine"
        server.wait_log("opens no port")
        assert "serves" not in server.log()


def test_names_after_translation_are_the_catalogues() -> None:
    state = State()
    pending = Pending(state)
    pending.start()
    reader = PrometheusMetricReader(disable_target_info=True)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    metrics = Metrics(state, provider, pending)
    rows = [row for row in CATALOGUE if is_event(row)]
    for row in rows:
        child = state.child(row.name, *[(label.values or ("x",))[0] for label in row.labels])
        child.inc(2) if row.kind == "counter" else child.observe(row.buckets[1])
    names = {sample.name for family in reader._collector.collect() for sample in family.samples}
    for row in rows:
        assert (row.name + "_bucket" if row.kind == "histogram" else row.name) in names, row.name
    metrics.stop()
    pending.stop()
    provider.shutdown()


def asked_again(collector: Collector, requests: int) -> bool:
    return collector.requests >= requests


def test_faults_are_one_line_each_and_numbers_come_back(collector: Collector) -> None:
    env = {
        "BOKEH_EXPORTER_OTLP": "1",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }
    with bokeh_serve("slider_bokeh.py", env=env | pushing(collector, "http/protobuf")) as server:
        for status in (503, 404):
            collector.status = status
            server.wait_log(r"OTLP export of metrics fails(.|\n)*" * (1 if status == 503 else 2))
            wait_until(partial(asked_again, collector, collector.requests + 3), 20, "more attempts")
            assert server.get("/slider_bokeh").status == 200
            collector.status = 200
            server.wait_log(r"metrics works again(.|\n)*" * (1 if status == 503 else 2))
        assert server.log().count("OTLP export of metrics fails") == 2
        assert "opentelemetry" not in server.log()
        wait_until(lambda: server.scrape().total("bokeh_sessions_destroyed_total") >= 2, 20, "the sessions' ends")
        compare(server, collector)
