"""Composition: OpenTelemetry, where somebody asked for it. Until then nothing of it is imported.

Asked for by ``BOKEH_EXPORTER_OTLP=1``, which sets up an SDK where none is, or by ``BokehInstrumentor``,
which uses the providers that are there. Either begins when a loop runs, which is after the fork of
``--num-procs``; only what histograms observe is kept from the first moment on.
"""

from __future__ import annotations

import logging
from importlib import metadata
from typing import Any

from .config import Config
from .state import State

log = logging.getLogger("bokeh_exporter")

#: Of opentelemetry-api and its SDK: with 1.36 no log record of ours came through, with 1.38 all do.
OLDEST = (1, 38)
_OLD = (
    "bokeh_exporter does not export by OpenTelemetry, the app runs on: opentelemetry-api %s is older than %s, "
    "pip install -U 'bokeh-exporter[otlp]' brings a newer one"
)
_SHARED = (
    "the processes of --num-procs share one service.instance.id, so their numbers overwrite each other: the "
    "providers were made before the fork and not renewed in it. Use opentelemetry-sdk 1.45 or newer, or "
    "BOKEH_EXPORTER_OTLP=1 instead of opentelemetry-instrument"
)


def _version(distribution: str) -> tuple[int, ...] | None:
    try:
        text = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


class Telemetry:
    """OpenTelemetry of one exporter.

    Args:
        state: what it reads.
        config: whether it is to set up an SDK.
    """

    def __init__(self, state: State, config: Config) -> None:
        self._numbers, self._options = state, config
        #: ``Providers``, given by the instrumentor.
        self._given: Any = None
        self._pending: Any = None
        self._refused = False
        self._sdk: Any = None
        self._events: Any = None
        self._endings: Any = None
        self._flushes: list[Any] = []
        self._parts: list[Any] = []

    def prepare(self, given: Any) -> None:
        """Begin to keep what has to be handed over value by value, if anybody asked for it."""
        if given is not None:
            self._given = given
        if (self._given is None and not self._options.otlp) or self._pending is not None or self._refused:
            return
        installed = _version("opentelemetry-api")
        if installed is not None and installed < OLDEST:
            self._refused = True
            log.error(_OLD, ".".join(map(str, installed)), ".".join(map(str, OLDEST)))
            return
        try:
            from .expose.otel.metrics import Pending
        except ImportError as error:
            self._missing(error)
            return
        self._pending = Pending(self._numbers)
        self._pending.start()

    def start(self) -> None:
        """Make instruments and, where that was asked for, the SDK. What goes wrong is logged."""
        if self._pending is None or self._parts:
            return
        try:
            self._start()
        except ImportError as error:
            self._missing(error)
        except ValueError as error:
            log.error("bokeh_exporter does not export by OTLP: %s. The app runs on", error)
        except Exception as error:
            self._numbers.swallow("otel", error)
        if not self._parts:
            self._pending.stop()

    def _start(self) -> None:
        from .expose.otel.events import Events
        from .expose.otel.metrics import Metrics
        from .expose.otel.providers import is_configured
        from .expose.otel.requests import RequestInstrumentation
        from .expose.otel.shutdown import Endings
        from .expose.otel.traces import Traces

        if self._given is not None:
            providers = self._given.resolved()
            if self._given.are_shared():
                log.warning(_SHARED)
        else:
            from .expose.otel.sdk import Sdk

            self._sdk = Sdk()
            providers = self._sdk.providers
        self._flushes = list(providers.flushes())
        self._endings = Endings(self._sdk.lasts if self._sdk is not None else self._flushes)
        self._parts.append(Metrics(self._numbers, providers.meter, self._pending))
        traced = self._options.includes("callback") and Traces.are_wanted(providers.tracer)
        if traced:
            traces = Traces(self._numbers, providers.tracer, self._pending)
            self._parts.append(traces)
            traces.start()
        requests = RequestInstrumentation(self._numbers, providers)
        self._parts.append(requests)
        requests.start(traced=traced)
        if is_configured(providers.logger):
            self._events = Events(self._numbers, providers.logger)
            self._events.start()

    def look(self) -> None:
        """Write the events since the last look. Called in the watcher's thread."""
        if self._events is not None:
            self._events.look()

    def flush(self) -> None:
        """Send what there is, for 5 s at most, where the process may end without a word."""
        self.look()
        if self._flushes:
            self._numbers.drain()  # spans are made of what has ended a moment ago
            from .expose.otel.shutdown import Endings

            Endings(self._flushes).run()

    def close(self) -> None:
        """Send what is left, then say nothing any more. Idempotent."""
        if self._events is not None:
            self._events.stop()  # before the SDK sends what is left
            self._events = None
        if self._endings is not None:
            self._numbers.drain()
            self._endings.run()
            self._endings, self._flushes = None, []
        if self._sdk is not None:
            self._sdk.close()
            self._sdk = None
        for part in self._parts:
            part.stop()
        self._parts.clear()
        if self._pending is not None:
            self._pending.stop()
            self._pending = None

    def after_fork(self, serves: bool) -> None:
        """In a forked child that is no server of its own: be silent."""
        if not serves:
            self._sdk = self._endings = None  # their threads are the parent's
            self._flushes = []
            self.close()

    @staticmethod
    def _missing(error: ImportError) -> None:
        log.error(
            "bokeh_exporter does not export by OTLP, the app runs on: %s is missing, "
            "pip install 'bokeh-exporter[otlp]' brings it",
            error.name or "a part of OpenTelemetry",
        )
