"""Switching OpenTelemetry on and off: in code, twice, with what is missing, and at the end of the process."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from .support.collector import Collector
from .support.servers import bokeh_serve, environment, panel_serve
from .support.waiting import wait_until
from .test_otel_metrics import exported, pushing

IN_CODE = """
import sys
import bokeh.server.contexts
from bokeh.server.session import ServerSession
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from bokeh.application import Application
from bokeh.application.handlers import FunctionHandler
from bokeh.server.server import Server
from bokeh_exporter.instrumentor import BokehInstrumentor
from bokeh_exporter import installation
before = dict(vars(ServerSession))
def names(reader):
    data = reader.get_metrics_data()
    return {m.name for r in (data.resource_metrics if data else ()) for s in r.scope_metrics for m in s.metrics}
for turn in range(2):
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], shutdown_on_exit=False)
    tracers = TracerProvider(shutdown_on_exit=False)
    BokehInstrumentor().instrument(meter_provider=meters, tracer_provider=tracers, prometheus=0)
    BokehInstrumentor().instrument(meter_provider=meters)
    server = Server({"/": Application(FunctionHandler(lambda doc: None))}, port=0, address="127.0.0.1")
    server.start()
    server.io_loop.call_later(0.5, server.io_loop.stop)
    server.io_loop.start()
    assert "bokeh.sessions" in names(reader), names(reader)
    server.stop()
    BokehInstrumentor().uninstrument()
    BokehInstrumentor().uninstrument()
    assert "bokeh.sessions" not in names(reader), names(reader)
    assert not installation.installed()
    meters.shutdown()
assert dict(vars(ServerSession)) == before
print("done")
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


def test_instrument_and_uninstrument_are_idempotent() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IN_CODE], env=environment({}), capture_output=True, text=True, timeout=60
    )
    assert done.stdout.endswith("done\n"), done.stdout + done.stderr


def test_each_process_of_num_procs_is_an_instance(collector: Collector) -> None:
    env = {"BOKEH_EXPORTER_OTLP": "1"} | pushing(collector)
    with panel_serve("slider_panel.py", "--num-procs", "2", env=env, wait=False) as server:

        def instances() -> bool:
            return len({each["service.instance.id"] for each in collector.resources("metrics")}) == 2

        wait_until(instances, 60, "two instances")
        assert len({each["process.pid"] for each in collector.resources("metrics")}) == 2
        assert server.returncode is None


def test_the_end_sends_what_is_left(collector: Collector) -> None:
    env = {"BOKEH_EXPORTER_OTLP": "1"} | pushing(collector) | {"OTEL_METRIC_EXPORT_INTERVAL": "60000"}
    with bokeh_serve("slider_bokeh.py", env=env) as server:
        assert server.get("/slider_bokeh").status == 200
        assert collector.exports("metrics") == []
        server.terminate()
        server.wait_exit()
        series = exported(collector.metrics())
        assert series["bokeh_sessions_created_total", frozenset({("app", "/slider_bokeh")})] == 1
        assert "create session /slider_bokeh" in [span.name for span in collector.spans()]


def test_the_end_waits_for_a_silent_collector_only_so_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        env = {
            "BOKEH_EXPORTER_OTLP": "1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        }
        with bokeh_serve("slider_bokeh.py", env=env) as server:
            assert server.get("/slider_bokeh").status == 200
            asked = time.monotonic()
            server.terminate()
            server.wait_exit()
            assert time.monotonic() - asked < 9  # ours are 5 s; Bokeh ends in its own time


def test_a_bad_protocol_is_one_line_and_the_app_runs_on(collector: Collector) -> None:
    env = {"BOKEH_EXPORTER_OTLP": "1"} | pushing(collector, "json")
    with bokeh_serve("slider_bokeh.py", env=env) as server:
        server.wait_log(r"OTEL_EXPORTER_OTLP_PROTOCOL: 'json' cannot be used, it must be one of grpc, http/protobuf")
        assert server.get("/slider_bokeh").status == 200
        assert server.scrape().total("bokeh_sessions_created_total") == 1
