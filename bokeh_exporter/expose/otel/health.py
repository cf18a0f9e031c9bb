"""Exporters that say once that they cannot export, and once that they can again.

The SDK's exporters log each attempt and each batch that they drop. Around ours, those lines are kept
back and the last of them is the reason that our one line gives.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

log = logging.getLogger("bokeh_exporter")

#: Where exporters and their queues log, each a logger with many children.
_NOISY = ("opentelemetry.exporter.otlp", "opentelemetry.sdk._shared_internal")
_REASON = 200


class Quiet(logging.Filter):
    """Keeps back what is logged during one of our exports, and remembers it."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.local()
        self._loggers: set[logging.Logger] = set()

    def start(self) -> None:
        """Get between the loggers that there are by now and their handlers."""
        for name, logger in list(logging.root.manager.loggerDict.items()):
            if name.startswith(_NOISY) and isinstance(logger, logging.Logger):
                logger.addFilter(self)
                self._loggers.add(logger)

    def stop(self) -> None:
        """Let everything through again."""
        for logger in self._loggers:
            logger.removeFilter(self)
        self._loggers.clear()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is to be logged."""
        if getattr(self._thread, "exporting", False):
            self._thread.reason = record.getMessage()
            return False
        # What the queue of a collector that is down drops is covered by that line already.
        return not record.getMessage().startswith("Queue full")

    def begin(self) -> None:
        """Remember what this thread logs from now on."""
        self._thread.exporting, self._thread.reason = True, ""

    def end(self) -> str:
        """Stop that; return the last line."""
        self._thread.exporting = False
        reason: str = self._thread.reason
        return reason


class Watched:
    """An exporter of the SDK, of any signal, that fails quietly but for its changes of state.

    Args:
        exporter: does the work.
        signal: what it exports, for the log.
        quiet: keeps its own lines back.
    """

    def __init__(self, exporter: Any, signal: str, quiet: Quiet) -> None:
        self._exporter, self._signal, self._quiet = exporter, signal, quiet
        self._failing = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exporter, name)

    def export(self, *args: Any, **kwargs: Any) -> Any:
        """Export a batch; log whether it works, when that has changed."""
        self._quiet.begin()
        result = error = None
        try:
            result = self._exporter.export(*args, **kwargs)
        except Exception as raised:
            error = raised
        reason = self._quiet.end() or (type(error).__name__ if error is not None else "")
        works = error is None and getattr(result, "name", "") == "SUCCESS"
        if works == self._failing:
            self._failing = not works
            if works:
                log.info("OTLP export of %s works again", self._signal)
            else:
                log.warning("OTLP export of %s fails, the app is not affected: %s", self._signal, reason[:_REASON])
        if error is not None:
            raise error
        return result
