"""Events as log records of OpenTelemetry, with an event name; written in the watcher's thread."""

from __future__ import annotations

from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber

from ..._version import __version__
from ...catalogue import SCHEMA_URL
from ...state import State
from .metrics import SCOPE


class Events:
    """Writes the state's notices to a provider of loggers."""

    def __init__(self, state: State, provider: Any) -> None:
        self._state = state
        self._logger = provider.get_logger(SCOPE, __version__, SCHEMA_URL)

    def start(self) -> None:
        """Start."""
        self._state.notices.on = True

    def stop(self) -> None:
        """Write what is left, then stop."""
        self._state.notices.on = False
        self.look()

    def look(self) -> None:
        """Write what has happened since."""
        notices = self._state.notices
        if notices.dropped:
            dropped, notices.dropped = notices.dropped, 0
            self._state.counter("bokeh_exporter_otel_dropped_total", "event").inc(dropped)
        for event in notices.take():
            self._logger.emit(
                LogRecord(
                    timestamp=int(event.time * 1e9),
                    severity_number=SeverityNumber.WARN if event.warns else SeverityNumber.INFO,
                    severity_text="WARN" if event.warns else "INFO",
                    event_name=event.name,
                    attributes=dict(event.attributes),
                )
            )
