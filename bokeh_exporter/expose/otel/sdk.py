"""The SDK, set up by the standard ``OTEL_`` variables where nobody else has: ``BOKEH_EXPORTER_OTLP=1``."""

from __future__ import annotations

import importlib
import os
from typing import Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from .health import Quiet, Watched
from .providers import Providers, is_configured, set_globally
from .queries import WithoutQueries
from .resource import resource

#: Signal -> the module of its exporters below the protocol's, and their name.
_EXPORTERS = {
    "metrics": ("metric_exporter", "OTLPMetricExporter"),
    "traces": ("trace_exporter", "OTLPSpanExporter"),
    "logs": ("_log_exporter", "OTLPLogExporter"),
}
#: What ``OTEL_EXPORTER_OTLP_PROTOCOL`` may be, and the package that speaks it.
_PROTOCOLS = {"grpc": "grpc", "http/protobuf": "http"}


def _exporter(signal: str) -> Any:
    name = f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL"
    if not os.environ.get(name):
        name = "OTEL_EXPORTER_OTLP_PROTOCOL"
    protocol = os.environ.get(name) or "grpc"
    if protocol not in _PROTOCOLS:
        raise ValueError(f"{name}: {protocol!r} cannot be used, it must be one of {', '.join(_PROTOCOLS)}")
    module, kind = _EXPORTERS[signal]
    package = "opentelemetry.exporter.otlp.proto." + _PROTOCOLS[protocol]
    return getattr(importlib.import_module(f"{package}.{module}"), kind)()


class Sdk:
    """The providers of ours, for those signals that have none yet.

    Attributes:
        providers: ours and those that were there.
    """

    def __init__(self) -> None:
        self._quiet = Quiet()
        self._about = resource()  # once: each would make an id of the instance
        self._ours: list[Any] = []
        there = Providers().resolved()
        mine = Providers(
            None if is_configured(there.meter) else self._make("metrics"),
            None if is_configured(there.tracer) else self._make("traces"),
            None if is_configured(there.logger) else self._make("logs"),
        )
        set_globally(mine)
        self.providers = Providers(mine.meter or there.meter, mine.tracer or there.tracer, mine.logger or there.logger)
        self._quiet.start()
        theirs = Providers(
            None if mine.meter else there.meter, None if mine.tracer else there.tracer,
            None if mine.logger else there.logger,
        )  # fmt: skip
        #: What is to be done at the end: ours are shut down, the others sent on.
        self.lasts = [*(provider.shutdown for provider in self._ours), *theirs.flushes()]

    def _make(self, signal: str) -> Any:
        if os.environ.get(f"OTEL_{signal.upper()}_EXPORTER", "otlp") == "none":
            return None
        exporter: Any = Watched(_exporter(signal), signal, self._quiet)
        about = self._about
        provider: Any
        if signal == "metrics":
            provider = MeterProvider([PeriodicExportingMetricReader(exporter)], about, shutdown_on_exit=False)
        elif signal == "traces":
            provider = TracerProvider(resource=about, shutdown_on_exit=False)
            provider.add_span_processor(WithoutQueries())
            provider.add_span_processor(BatchSpanProcessor(exporter))
        else:
            provider = LoggerProvider(about, shutdown_on_exit=False)
            provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
        self._ours.append(provider)
        return provider

    def close(self) -> None:
        """Let the exporters' own log lines through again."""
        self._quiet.stop()
