"""The SDK, set up by the standard ``OTEL_`` variables where nobody else has: ``BOKEH_EXPORTER_OTLP=1``."""

from __future__ import annotations

import importlib
import logging
import os
import threading
import time
from typing import Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from .health import Quiet, Watched
from .providers import Providers, is_configured, set_globally
from .resource import resource

log = logging.getLogger("bokeh_exporter")

#: Seconds that an end may take to send what is left.
FLUSH = 5.0
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
        self._ours: list[Any] = []
        there = Providers().resolved()
        mine = Providers(
            *(
                None if is_configured(provider) else self._make(signal)
                for signal, provider in (("metrics", there.meter), ("traces", there.tracer), ("logs", there.logger))
            )
        )
        set_globally(mine)
        self.providers = Providers(mine.meter or there.meter, mine.tracer or there.tracer, mine.logger or there.logger)
        self._quiet.start()
        # Threads cannot be started as the interpreter ends, so those that send what is left wait from now on.
        self._ending = threading.Event()
        self._enders = [threading.Thread(target=self._end, args=(each,), daemon=True) for each in self._ours]
        for thread in self._enders:
            thread.start()

    def _make(self, signal: str) -> Any:
        if os.environ.get(f"OTEL_{signal.upper()}_EXPORTER", "otlp") == "none":
            return None
        exporter: Any = Watched(_exporter(signal), signal, self._quiet)
        about = resource()
        provider: Any
        if signal == "metrics":
            provider = MeterProvider([PeriodicExportingMetricReader(exporter)], about, shutdown_on_exit=False)
        elif signal == "traces":
            provider = TracerProvider(resource=about, shutdown_on_exit=False)
            provider.add_span_processor(BatchSpanProcessor(exporter))
        else:
            provider = LoggerProvider(about, shutdown_on_exit=False)
            provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
        self._ours.append(provider)
        return provider

    def _end(self, provider: Any) -> None:
        self._ending.wait()
        try:
            provider.shutdown()
        except Exception as error:
            log.debug("OpenTelemetry did not end well: %s", type(error).__name__)

    def close(self) -> None:
        """Send what is left, for 5 s at most."""
        self._ending.set()
        deadline = time.monotonic() + FLUSH
        for thread in self._enders:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._quiet.stop()
