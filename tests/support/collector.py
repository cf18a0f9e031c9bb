"""An OTLP collector: gRPC and HTTP, gzip, all signals; what came is read back or searched as bytes."""

from __future__ import annotations

import contextlib
import gzip
import sys
import sysconfig
import threading
from collections.abc import Iterator
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from types import TracebackType
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from .servers import ServerProcess

#: Signal -> request, response, servicer, what adds it to a server.
_SIGNALS: dict[str, tuple[Any, Any, Any, Any]] = {
    "metrics": (
        metrics_service_pb2.ExportMetricsServiceRequest, metrics_service_pb2.ExportMetricsServiceResponse,
        metrics_service_pb2_grpc.MetricsServiceServicer,
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server,
    ),
    "traces": (
        trace_service_pb2.ExportTraceServiceRequest, trace_service_pb2.ExportTraceServiceResponse,
        trace_service_pb2_grpc.TraceServiceServicer, trace_service_pb2_grpc.add_TraceServiceServicer_to_server,
    ),
    "logs": (
        logs_service_pb2.ExportLogsServiceRequest, logs_service_pb2.ExportLogsServiceResponse,
        logs_service_pb2_grpc.LogsServiceServicer, logs_service_pb2_grpc.add_LogsServiceServicer_to_server,
    ),
}  # fmt: skip


#: Signal -> where its scopes are in a request.
SCOPES = {"metrics": "scope_metrics", "traces": "scope_spans", "logs": "scope_logs"}


class Collector:
    """Listens on two free ports of the loopback, or on one given for HTTP.

    Attributes:
        grpc_url: for ``OTEL_EXPORTER_OTLP_ENDPOINT`` with protocol grpc.
        http_url: the same with protocol http/protobuf.
        status: what is answered, as HTTP has it; other than 200 nothing is kept.
        requests: how many came, the refused ones too.
    """

    def __init__(self, http_port: int = 0) -> None:
        self.status, self.requests = 200, 0
        self._received: list[tuple[str, Any]] = []
        self._bytes: list[bytes] = []
        #: Set, everybody is answered at once.
        self._prompt = threading.Event()
        self._prompt.set()
        self._grpc, self._grpc_port = self._listen_grpc(0)
        self._http = self._listen_http(http_port)
        self.grpc_url = f"http://127.0.0.1:{self._grpc_port}"
        self.http_url = f"http://127.0.0.1:{self._http.server_port}"

    def _listen_grpc(self, port: int) -> tuple[Any, int]:
        server = grpc.server(futures.ThreadPoolExecutor(8))
        for signal, (_, response, servicer, add) in _SIGNALS.items():
            add(self._servicer(signal, response, servicer), server)
        return server, server.add_insecure_port(f"127.0.0.1:{port}")

    def _listen_http(self, port: int) -> ThreadingHTTPServer:
        return ThreadingHTTPServer(("127.0.0.1", port), self._handler())

    def _servicer(self, signal: str, response: Any, base: Any) -> Any:
        def export(servicer: Any, request: Any, context: Any) -> Any:
            if self._answers():
                self._keep(signal, request, request.SerializeToString())
                return response()
            code = grpc.StatusCode.UNAVAILABLE if self.status >= 500 else grpc.StatusCode.PERMISSION_DENIED
            return context.abort(code, "told to")

        return type("Servicer", (base,), {"Export": export})()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signal = self.path.rsplit("/", 1)[-1]
                request, response, _, _ = _SIGNALS[signal]
                if collector._answers():
                    if self.headers.get("Content-Encoding") == "gzip":
                        body = gzip.decompress(body)
                    headers = str(self.headers).encode()
                    collector._keep(signal, request.FromString(body), headers + body)
                answer = response().SerializeToString()
                with contextlib.suppress(ConnectionError):  # who has waited too long is gone
                    self.send_response(collector.status)
                    self.send_header("Content-Type", "application/x-protobuf")
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        return Handler

    def _answers(self) -> bool:
        """Whether a request is to be kept; one that has to wait is not, since who sent it is gone by then."""
        self.requests += 1
        prompt = self._prompt.is_set()
        self._prompt.wait(60)
        return prompt and self.status == 200

    @contextlib.contextmanager
    def refusing(self, status: int) -> Iterator[None]:
        """Answer with this status."""
        self.status = status
        yield
        self.status = 200

    @contextlib.contextmanager
    def slow(self) -> Iterator[None]:
        """Accept, and answer after a minute."""
        self._prompt.clear()
        yield
        self._prompt.set()

    @contextlib.contextmanager
    def down(self) -> Iterator[None]:
        """Do not listen; then do so at the same ports."""
        self._stop()
        yield
        self._grpc, port = self._listen_grpc(self._grpc_port)
        assert port == self._grpc_port
        self._http = self._listen_http(self._http.server_port)
        self._start()

    def _start(self) -> None:
        self._grpc.start()
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def _stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._grpc.stop(0).wait()

    def _keep(self, signal: str, request: Any, raw: bytes) -> None:
        self._bytes.append(raw)
        self._received.append((signal, request))

    def __enter__(self) -> Collector:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._prompt.set()
        self._stop()

    # --- what came -----------------------------------------------------------------------------

    def all_bytes(self) -> bytes:
        """All that was received, unzipped."""
        return b"\n".join(self._bytes)

    def exports(self, signal: str) -> list[Any]:
        """The requests of a signal, in their order."""
        return [request for kind, request in list(self._received) if kind == signal]

    def resources(self, signal: str) -> list[dict[str, Any]]:
        """The resource of each request."""
        return [values(part.resource.attributes) for each in self.exports(signal) for part in _parts(signal, each)]

    def schema_urls(self, signal: str) -> set[str]:
        """The conventions that our scope names."""
        return {
            scope.schema_url for each in self.exports(signal) for part in _parts(signal, each)
            for scope in getattr(part, SCOPES[signal]) if scope.scope.name == "bokeh_exporter"
        }  # fmt: skip

    def spans(self) -> list[Any]:
        """All spans."""
        return [
            span for each in self.exports("traces") for part in each.resource_spans
            for scope in part.scope_spans for span in scope.spans
        ]  # fmt: skip

    def records(self) -> list[Any]:
        """All log records."""
        return [
            record for each in self.exports("logs") for part in each.resource_logs
            for scope in part.scope_logs for record in scope.log_records
        ]  # fmt: skip

    def metric_names(self) -> set[str]:
        """The names of all metrics, of any scope."""
        return {
            metric.name for each in self.exports("metrics") for part in each.resource_metrics
            for scope in part.scope_metrics for metric in scope.metrics
        }  # fmt: skip

    def exemplars(self) -> list[Any]:
        """The exemplars of our histograms, in all exports."""
        return [
            exemplar for each in self.exports("metrics") for _, metric in _metrics(each)
            for point in metric.histogram.data_points for exemplar in point.exemplars
        ]  # fmt: skip

    def metrics(self, which: int = -1) -> dict[str, Any]:
        """The metrics of one export, the last unless told otherwise, by name: those of our scope."""
        exports = self.exports("metrics")
        return dict(_metrics(exports[which])) if exports else {}


#: Where pyproject.toml has it: there is none for Python 3.14 and newer yet.
HAS_ROTEL = sys.platform == "linux" and sys.version_info < (3, 14)


def rotel(onward: Collector) -> ServerProcess:
    """A collector that is not ours, in front of ours: OTLP by gRPC at its first port, by HTTP at its second.

    Rotel is one program in a Python package, where the OpenTelemetry Collector is a download of its own.
    """
    program = metadata.distribution("rotel").locate_file("rotel/rotel-agent")
    libraries = str(sysconfig.get_config_var("LIBDIR"))  # it is linked with Python's own, which may be pyenv's
    return ServerProcess(
        [
            str(program), "start",
            "--otlp-grpc-endpoint", "127.0.0.1:{port}", "--otlp-http-endpoint", "127.0.0.1:{port2}",
            "--disable-batching", "--exporter", "otlp", "--otlp-exporter-endpoint", onward.grpc_url,
        ],
        env={"LD_LIBRARY_PATH": libraries}, ports=2,
    )  # fmt: skip


def _parts(signal: str, request: Any) -> Any:
    return getattr(
        request, {"metrics": "resource_metrics", "traces": "resource_spans", "logs": "resource_logs"}[signal]
    )


def parts_of(signal: str, request: Any) -> list[Any]:
    """Return the parts of a request, one for each resource, that have something of ours."""
    return [
        part for part in _parts(signal, request)
        if any(each.scope.name == "bokeh_exporter" for each in getattr(part, SCOPES[signal]))
    ]  # fmt: skip


def _metrics(request: Any) -> Iterator[tuple[str, Any]]:
    for part in request.resource_metrics:
        for scope in part.scope_metrics:
            if scope.scope.name == "bokeh_exporter":
                yield from ((metric.name, metric) for metric in scope.metrics)


def values(attributes: Any) -> dict[str, Any]:
    """Return attributes as a dictionary."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
