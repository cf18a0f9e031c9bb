"""Sending what is left as the process ends, for no longer than is decent."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

log = logging.getLogger("bokeh_exporter")

#: Seconds that an end may take to send what is left.
FLUSH = 5.0


class Endings:
    """What is done at the end, all at once.

    Threads cannot be started as the interpreter ends, so those that do it wait from now on.

    Args:
        last: what each thread is to do.
    """

    def __init__(self, last: Iterable[Callable[[], object]]) -> None:
        self._begin = threading.Event()
        self._threads = [threading.Thread(target=self._wait, args=(each,), daemon=True) for each in last]
        for thread in self._threads:
            thread.start()

    def _wait(self, last: Callable[[], object]) -> None:
        self._begin.wait()
        try:
            last()
        except Exception as error:
            log.debug("OpenTelemetry failed to shut down: %s", type(error).__name__)

    def run(self) -> None:
        """Do it, and wait 5 s at most."""
        self._begin.set()
        deadline = time.monotonic() + FLUSH
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
