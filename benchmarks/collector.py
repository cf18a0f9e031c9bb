"""A collector of OpenTelemetry by HTTP that counts what it is sent: spans by name, the last value of each counter."""

from __future__ import annotations

import http.server
import threading
from collections import Counter
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector(http.server.ThreadingHTTPServer):
    """Takes everything, on a port of its own, until the process ends.

    Attributes:
        requests: how many it was sent.
        spans: how many of each name.
        counters: the last value of each counter and its message, the other attributes added up.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.requests = 0
        self.spans: Counter[str] = Counter()
        self.counters: dict[str, float] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def environ(self) -> dict[str, str]:
        """The variables that send a server's metrics, traces and logs here."""
        return {
            "BOKEH_EXPORTER_OTLP": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.server_port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_METRIC_EXPORT_INTERVAL": "5000",
        }  # fmt: skip

    def take(self, path: str, body: bytes) -> None:
        """Count what one request brings."""
        with self._lock:
            self.requests += 1
            if path.endswith("/traces"):
                traces = ExportTraceServiceRequest.FromString(body)
                for resource in traces.resource_spans:
                    self.spans.update(span.name for scope in resource.scope_spans for span in scope.spans)
            elif path.endswith("/metrics"):
                self._add_up(ExportMetricsServiceRequest.FromString(body))

    def _add_up(self, request: ExportMetricsServiceRequest) -> None:
        found: Counter[str] = Counter()
        for resource in request.resource_metrics:
            for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                for point in metric.sum.data_points:
                    value = point.as_int or point.as_double
                    named = {each.key: each.value.string_value for each in point.attributes}
                    found[metric.name] += value
                    if message := named.get("message"):
                        found[f"{metric.name} {message}"] += value
        self.counters.update(found)


class _Requests(http.server.BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        """Take it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.take(self.path, body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""
