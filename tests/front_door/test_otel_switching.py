"""Switching OpenTelemetry on and off: in code, twice, with what is missing, and at the end of the process."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bokeh_exporter.expose.otel.resource import container_id

from ..conftest import Serve
from ..support.collector import Collector, parts_of, values
from ..support.servers import ServerProcess, bokeh_serve, environment, panel_serve, python_script, uvicorn
from ..support.versions import HAS_ASGI
from ..support.waiting import wait_until
from .test_otel_metrics import OFTEN, Env, exported, instrumented, pushing

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


def test_readers_temporality_views_and_resource_are_the_users(serve: Serve) -> None:
    server = serve(python_script("otel_readers.py", wait=False))
    assert server.wait_exit(60) == 0, server.log()
    *visits, end = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    for name in ("bokeh.sessions.created", "bokeh.session.create.duration"):
        assert [visit["cumulative"][name] for visit in visits] == [1, 2, 3]
        assert [visit["delta"][name] for visit in visits] == [1, 1, 1]
    for found in visits[-1].values():
        assert found["bounds"] == [1, 10]
        assert found["renamed"] == "mine.known_models"
        assert found["team"] == "maps"
    assert end == {"changed": True, "as before": True}


@pytest.mark.parametrize("way", ["otlp", "instrument"])
def test_each_process_of_num_procs_is_an_instance(collector: Collector, way: str) -> None:
    env = pushing(collector, "grpc" if way == "otlp" else "http/protobuf")
    server = panel_serve(
        "slider_panel.py",
        "--num-procs",
        "2",
        setup=way == "otlp",
        env=by_otlp(env) if way == "otlp" else env,
        wait=False,
    )
    with server if way == "otlp" else instrumented(server):

        def instances(signal: str) -> set[str]:
            """Those whose export has something of a server in it: a parent that only watches is none."""
            return {
                values(part.resource.attributes)["service.instance.id"]
                for each in collector.exports(signal)
                for part in parts_of(signal, each)
            }

        server.exporter_urls(2, timeout=60)
        wait_until(lambda: len(instances("metrics")) == 2, 60, "two instances")
        # Whichever process answers, a session's spans and events are of the instance of its metrics.
        wait_until(lambda: server.get("/slider_panel").status == 200 and instances("logs"), 30, "an event")
        assert instances("logs") <= instances("metrics")
        wait_until(lambda: instances("traces"), 30, "a span")
        assert instances("traces") <= instances("metrics")
        assert "share one service.instance.id" not in server.log()
        assert server.returncode is None


def test_processes_that_share_an_instance_say_so(serve: Serve) -> None:
    server = serve(python_script("old_providers.py"))
    server.exporter_urls(2, timeout=60)
    line = "the processes of --num-procs share one service.instance.id"
    wait_until(lambda: server.log().count(line) == 2, 20, "a line of each process")


def by_otlp(env: Env) -> Env:
    return env | {"BOKEH_EXPORTER_OTLP": "1"}


ENDS = [
    pytest.param(lambda env: bokeh_serve("slider_bokeh.py", env=by_otlp(env)), "/slider_bokeh", id="otlp"),
    # The providers are not ours: the SDK collects for a last time when our hooks are out already.
    pytest.param(
        lambda env: instrumented(bokeh_serve("slider_bokeh.py", run=False, env=env)), "/slider_bokeh", id="instrument"
    ),
    # uvicorn sends itself the signal again, and nothing that Python does at its end is done.
    *(
        [
            pytest.param(lambda env: uvicorn("asgi_bokeh:app", env=by_otlp(env)), "/slider", id="otlp-asgi"),
            pytest.param(lambda env: instrumented(uvicorn("asgi_bare:app", env=env)), "/good", id="instrument-asgi"),
        ]
        if HAS_ASGI
        else []
    ),
]


@pytest.mark.parametrize(("host", "app"), ENDS)
def test_the_end_sends_what_is_left(collector: Collector, host: Callable[[Env], ServerProcess], app: str) -> None:
    later: Env = dict.fromkeys(OFTEN, "60000")
    with host(pushing(collector) | later) as server:
        assert server.get(app).status == 200
        assert collector.requests == 0
        server.terminate()
        server.wait_exit()
    counted = [exported(collector.metrics(which)) for which in range(len(collector.exports("metrics")))]
    created = ("bokeh_sessions_created_total", frozenset({("app", app)}))
    assert [series[created] for series in counted if created in series] != []
    assert f"create session {app}" in [span.name for span in collector.spans()]
    assert "bokeh.session.created" in [record.event_name for record in collector.records()]


@pytest.mark.once
@pytest.mark.parametrize(
    ("protocol", "listens"), [("http/protobuf", True), ("grpc", False)], ids=["silent-http", "down-grpc"]
)
def test_the_end_waits_for_a_collector_only_so_long(protocol: str, listens: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        if not listens:
            silent.close()
        env: Env = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
        env["OTEL_EXPORTER_OTLP_TIMEOUT"] = "60"
        with bokeh_serve("slider_bokeh.py", env=by_otlp(env)) as server:
            assert server.get("/slider_bokeh").status == 200
            asked = time.monotonic()
            server.terminate()
            assert server.wait_exit() == 0
            assert time.monotonic() - asked < 20  # ours are 5 s, an export would take 60; Bokeh has its own time


def test_a_bad_protocol_is_one_line_and_the_app_runs_on(collector: Collector) -> None:
    env = {"BOKEH_EXPORTER_OTLP": "1"} | pushing(collector, "json")
    with bokeh_serve("slider_bokeh.py", env=env) as server:
        server.wait_log(r"OTEL_EXPORTER_OTLP_PROTOCOL: 'json' cannot be used, it must be one of grpc, http/protobuf")
        assert server.get("/slider_bokeh").status == 200
        assert server.scrape().total("bokeh_sessions_created_total") == 1


def test_an_old_opentelemetry_is_one_line_and_the_app_runs_on(collector: Collector, tmp_path: Path) -> None:
    info = tmp_path / "opentelemetry_api-1.27.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: opentelemetry-api\nVersion: 1.27.0\n")
    env: Env = by_otlp(pushing(collector)) | {"PYTHONPATH": str(tmp_path)}
    with bokeh_serve("slider_bokeh.py", env=env) as server:
        server.wait_log(r"opentelemetry-api 1\.27 is older than 1\.38, pip install -U 'bokeh-exporter\[otlp\]'")
        assert server.get("/slider_bokeh").status == 200
        assert server.scrape().total("bokeh_exporter_errors_total") == 0


ID = "0123456789abcdef" * 4


@pytest.mark.once
@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("cgroup", f"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope\n", ID),
        ("cgroup", f"5:memory:/docker/{ID}\n", ID),
        ("mountinfo", f"1 2 8:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 /dev/sda rw\n", ID),
        ("mountinfo", f"1 2 8:1 /var/lib/docker/containers/{ID} /somebody/elses rw - ext4 /dev/sda rw\n", None),
        ("cgroup", "0::/user.slice/session-1.scope\n", None),
    ],
)
def test_the_container_is_known_by_the_kernels_files(
    tmp_path: Path, file: str, text: str, expected: str | None
) -> None:
    (tmp_path / file).write_text(text)
    assert container_id(tmp_path) == expected
