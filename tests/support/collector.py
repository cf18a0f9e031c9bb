"""An OTLP collector: gRPC and HTTP, gzip, all signals; what came is read back or searched as bytes."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

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


class Collector:
    """Listens on two free ports of the loopback, or on one given for HTTP.

    Attributes:
        grpc_url: for ``OTEL_EXPORTER_OTLP_ENDPOINT`` with protocol grpc.
        http_url: the same with protocol http/protobuf.
        status: what HTTP answers; other than 200 nothing is kept.
        delay: seconds that HTTP takes to answer.
        requests: how many came by HTTP, the refused ones too.
    """

    def __init__(self, http_port: int = 0) -> None:
        self.status, self.delay, self.requests = 200, 0.0, 0
        self._received: list[tuple[str, Any]] = []
        self._bytes: list[bytes] = []
        self._grpc = grpc.server(futures.ThreadPoolExecutor(4))
        for signal, (_, response, servicer, add) in _SIGNALS.items():
            add(self._servicer(signal, response, servicer), self._grpc)
        self.grpc_url = f"http://127.0.0.1:{self._grpc.add_insecure_port('127.0.0.1:0')}"
        self._http = ThreadingHTTPServer(("127.0.0.1", http_port), self._handler())
        self.http_url = f"http://127.0.0.1:{self._http.server_port}"

    def _servicer(self, signal: str, response: Any, base: Any) -> Any:
        def export(servicer: Any, request: Any, context: Any) -> Any:
            self._keep(signal, request, request.SerializeToString())
            return response()

        return type("Servicer", (base,), {"Export": export})()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signal = self.path.rsplit("/", 1)[-1]
                request, response, _, _ = _SIGNALS[signal]
                collector.requests += 1
                time.sleep(collector.delay)
                if collector.status == 200:
                    if self.headers.get("Content-Encoding") == "gzip":
                        body = gzip.decompress(body)
                    headers = str(self.headers).encode()
                    collector._keep(signal, request.FromString(body), headers + body)
                answer = response().SerializeToString()
                self.send_response(collector.status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        return Handler

    def _keep(self, signal: str, request: Any, raw: bytes) -> None:
        self._bytes.append(raw)
        self._received.append((signal, request))

    def __enter__(self) -> Collector:
        self._grpc.start()
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._grpc.stop(0).wait()

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


def _parts(signal: str, request: Any) -> Any:
    return getattr(
        request, {"metrics": "resource_metrics", "traces": "resource_spans", "logs": "resource_logs"}[signal]
    )


def _metrics(request: Any) -> Iterator[tuple[str, Any]]:
    for part in request.resource_metrics:
        for scope in part.scope_metrics:
            if scope.scope.name == "bokeh_exporter":
                yield from ((metric.name, metric) for metric in scope.metrics)


def values(attributes: Any) -> dict[str, Any]:
    """Return attributes as a dictionary."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
