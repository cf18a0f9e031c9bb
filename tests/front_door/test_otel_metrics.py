"""Metrics by OTLP: a real server pushes to a real receiver what it also serves to a scrape."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from bokeh_exporter.catalogue import CATALOGUE, EXPORTER, MEMORY, Metric
from bokeh_exporter.expose.otel.events import Events
from bokeh_exporter.expose.otel.metrics import Metrics, Pending
from bokeh_exporter.expose.prometheus import LevelCollector
from bokeh_exporter.state import Level, State
from bokeh_exporter.state.notices import KEPT
from bokeh_exporter.state.rows import is_event

from ..conftest import Serve
from ..support.collector import HAS_ROTEL, Collector, rotel, values
from ..support.scrapes import Scrape
from ..support.servers import ServerProcess, bokeh_serve, panel_serve, uvicorn
from ..support.versions import HAS_ASGI
from ..support.waiting import wait_until

#: Milliseconds between two exports.
OFTEN = {"OTEL_METRIC_EXPORT_INTERVAL": "400", "OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_BLRP_SCHEDULE_DELAY": "200"}

HTTP = "http/protobuf"
#: What a row's samples are called beyond its name.
PARTS = {"histogram": ("_bucket", "_sum", "_count")}

#: Bytes and blocks that reading all numbers may take, by the unit of what they are found in.
READING = {"By": 4e6, "{block}": 4e4}

Env = dict[str, str | None]
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
        for suffix in PARTS.get(row.kind, ("",)):
            for labels, value in scrape.values(row.name + suffix).items():
                found[row.name + suffix, labels] = value
    return found


def compare(server: ServerProcess, collector: Collector) -> Series:
    """Every series of every row is in both outputs, with one number: an export lies between two scrapes.

    On a server at rest most are the same in both scrapes and so in the export. What counts on lies between,
    in each round; what goes up and down on its own does in one of a few rounds. Levels of memory move by what
    the reading itself allocates, which a scrape and an export do differently.
    """
    rows = [row for row in CATALOGUE if row.group != EXPORTER]
    ours = {row.name + part for row in CATALOGUE if row.group == EXPORTER for part in PARTS.get(row.kind, ("",))}
    histograms = {row.name + part for row in rows if row.kind == "histogram" for part in PARTS["histogram"]}
    memory = {row.name: READING[row.unit] for row in rows if row.group == MEMORY and row.unit in READING}
    left: set[Any] | None = None
    deadline = time.monotonic() + 30
    while left is None or (left and time.monotonic() < deadline):
        before = scraped(server.scrape(), rows)
        seen = len(collector.exports("metrics")) + 2
        wait_until(partial(exported_often, collector, seen), 20, "two more exports")
        pushed = {
            series: value for series, value in exported(collector.metrics(seen - 1)).items() if series[0] not in ours
        }
        after = scraped(server.scrape(), rows)
        missing = set(before) & set(after) - set(pushed)
        assert {name for name, _ in missing} <= histograms  # one that has seen nothing does not exist in OTLP
        assert {before[series] for series in missing} <= {0}
        assert set(pushed) - set(after) - set(before) == set()
        if left is None:
            left = set(pushed)
        for series, value in pushed.items():
            low, high = sorted((before.get(series, 0.0), after.get(series, 0.0)))
            slack = memory.get(series[0], 1e-9 * max(1.0, high))
            if low - slack <= value <= high + slack:
                left.discard(series)
            else:
                counts = series[0] in histograms or series[0].endswith("_total")
                assert not counts, (series, low, value, high)
    assert left == set()
    return pushed


def exported_often(collector: Collector, times: int) -> bool:
    return len(collector.exports("metrics")) >= times


# --- tests -------------------------------------------------------------------------------------------


#: Host, app, protocol, and whether a collector that is not ours stands between.
HOSTS = [
    pytest.param(lambda env: bokeh_serve("slider_bokeh.py", env=env), "/slider_bokeh", "grpc", False, id="bokeh"),
    pytest.param(
        lambda env: panel_serve("slider_panel.py", env=env), "/slider_panel", "http/protobuf", True, id="panel"
    ),
    *(
        [pytest.param(lambda env: uvicorn("asgi_bokeh:app", env=env), "/slider", "grpc", True, id="asgi")]
        if HAS_ASGI
        else []
    ),
]


@pytest.mark.front_door
@pytest.mark.parametrize(("host", "app", "protocol", "through"), HOSTS)
def test_push_and_scrape_say_the_same(
    collector: Collector, serve: Serve, host: Callable[[Env], ServerProcess], app: str, protocol: str, through: bool
) -> None:
    env = {
        "BOKEH_EXPORTER_OTLP": "1",
        "BOKEH_EXPORTER_COLLECT": "all",
        "POD_NAME": "pod-1",
        "OTEL_RESOURCE_ATTRIBUTES": "team=maps",
        **pushing(collector, protocol),
    }
    if through and HAS_ROTEL:
        urls = serve(rotel(collector)).urls
        env["OTEL_EXPORTER_OTLP_ENDPOINT"] = urls[0 if protocol == "grpc" else 1]
    server = serve(host(env))
    with server.open_tab(app) as tab:
        tab.set("n", value=7)
    wait_until(lambda: server.scrape().total("bokeh_sessions_destroyed_total") >= 1, 20, "the session's end")
    pushed = compare(server, collector)
    assert pushed["bokeh_sessions_created_total", frozenset({("app", app)})] == 1
    assert pushed["bokeh_session_create_duration_seconds_count", frozenset({("app", app)})] == 1
    resource = collector.resources("metrics")[-1]
    assert resource["service.name"] == "bokeh-server"
    assert resource["team"] == "maps"
    assert resource["k8s.pod.name"] == "pod-1"
    assert resource["process.pid"] == server.pid
    wait_until(lambda: {"create session " + app, "destroy session " + app} <= span_names(collector), 20, "the spans")
    created, destroyed = wait_until(lambda: told(collector, app), 20, "the events")
    assert created["bokeh.session.hash"] == destroyed["bokeh.session.hash"]
    # One instance, whatever the signal.
    instances = [
        each["service.instance.id"] for kind in ("metrics", "traces", "logs") for each in collector.resources(kind)
    ]
    assert len(set(instances)) == 1


def span_names(collector: Collector) -> set[str]:
    return {span.name for span in collector.spans()}


def told(collector: Collector, app: str) -> list[dict[str, Any]] | None:
    found = {record.event_name: values(record.attributes) for record in collector.records()}
    events = [found.get(f"bokeh.session.{name}") for name in ("created", "destroyed")]
    assert {each["bokeh.app"] for each in events if each} <= {app}
    return None if None in events else [each for each in events if each]


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
    """OpenTelemetry's own exporter for Prometheus, fed with a number for each row of the catalogue."""
    state = State()
    levels = [
        Level(row.name, 2.0, tuple((label.values or ("x",))[0] for label in row.labels))
        for row in CATALOGUE
        if not is_event(row)
    ]
    state.registry.register(LevelCollector(state, lambda: levels))
    pending = Pending(state)
    pending.start()
    reader = PrometheusMetricReader(disable_target_info=True)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    metrics = Metrics(state, provider, pending)
    for row in CATALOGUE:
        if is_event(row):
            labels = [(label.values or ("x",))[0] for label in row.labels]
            if row.kind == "counter":
                state.counter(row.name, *labels).inc(2)
            else:
                state.histogram(row.name, *labels).observe(row.buckets[1])
    samples = [sample for family in reader._collector.collect() for sample in family.samples]
    assert {sample.name for sample in samples} == {
        row.name + part for row in CATALOGUE for part in PARTS.get(row.kind, ("",))
    }
    named = {sample.name: set(sample.labels) for sample in samples}
    for row in CATALOGUE:
        found = named[row.name + PARTS.get(row.kind, ("",))[0]] - {"le"}
        assert {name for name in found if not name.startswith("otel_scope_")} == set(row.label_names)
    metrics.stop()
    pending.stop()
    provider.shutdown()


def test_what_nobody_fetches_is_bounded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bokeh_exporter.expose.otel.metrics.QUEUE", 100)
    state, reader = State(), InMemoryMetricReader()
    pending = Pending(state)
    pending.start()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    metrics = Metrics(state, provider, pending)
    child = state.histogram("bokeh_event_loop_lag_seconds")
    child.observe_all([0.2] * 60)
    child.observe_all([0.2] * 60)
    child.observe(0.2)
    state.notices.on = True
    events = Events(state, LoggerProvider(shutdown_on_exit=False))
    for _ in range(KEPT + 7):
        state.notices.emit("bokeh.session.created", {"bokeh.app": "/app"})
    events.look()
    reader.get_metrics_data()  # counts what was dropped before it
    found = {
        (metric.name, point.attributes.get("signal")): getattr(point, "count", None) or point.value
        for each in reader.get_metrics_data().resource_metrics
        for metric in each.scope_metrics[0].metrics
        for point in metric.data.data_points
    }
    assert found["bokeh.event_loop.lag", None] == 100
    assert found["bokeh.exporter.otel.dropped", "histogram"] == 21
    assert found["bokeh.exporter.otel.dropped", "event"] == 7
    metrics.stop()
    pending.stop()
    provider.shutdown()


def asked_again(collector: Collector, requests: int) -> bool:
    return collector.requests >= requests


def own_threads(scrape: Scrape) -> float:
    """Count threads without those of Bokeh 3.10's pool, which grows with the visits."""
    pool = sum(scrape.total("bokeh_executor_threads", state=state) for state in ("busy", "idle"))
    return scrape.total("bokeh_python_threads") - pool


@pytest.mark.once
def test_faults_are_one_line_each_and_numbers_come_back(collector: Collector) -> None:
    """Metrics and logs by HTTP, traces by gRPC: refused, refused for good, slow, and nobody there."""
    env = {
        "BOKEH_EXPORTER_OTLP": "1",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.grpc_url,
        "OTEL_BSP_MAX_QUEUE_SIZE": "8",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4",
    }
    with bokeh_serve("slider_bokeh.py", env=env | pushing(collector, HTTP)) as server:

        def visited(what: str, times: int) -> bool:
            """Make spans and events as long as it takes, and see the app answer meanwhile."""
            assert server.get("/slider_bokeh").status == 200
            log = server.log()
            return all(log.count(f"export of {signal} {what}") == times for signal in ("metrics", "traces", "logs"))

        faults = [collector.refusing(503), collector.refusing(404), collector.slow(), collector.down()]
        for times, fault in enumerate(faults, 1):
            with fault:
                wait_until(partial(visited, "fails, the app is not affected", times), 30, "a line for each signal")
                if times < len(faults):
                    wait_until(partial(asked_again, collector, collector.requests + 5), 30, "more attempts")
            wait_until(partial(visited, "works again", times), 30, "a line for each signal")
            if times == 1:
                threads = own_threads(server.scrape())
        assert server.log().count("OTLP export of ") == 2 * 3 * len(faults)
        # Neither what the SDK logs for each attempt, nor for each span that its full queue drops.
        assert "opentelemetry" not in server.log()
        assert "Queue full" not in server.log()
        wait_until(lambda: server.scrape().total("bokeh_sessions") == 0, 20, "the sessions' ends")
        scrape = server.scrape()
        assert own_threads(scrape) <= threads + 2  # uploads of HTTP pools come and go
        assert scrape.total("bokeh_event_loop_stalls_total") == 0
        assert scrape.total("bokeh_exporter_otel_dropped_total") == 0
        assert scrape.total("bokeh_exporter_errors_total") == 0
        compare(server, collector)
