"""The garbage collector: how long it stops the interpreter, and when it last looked at everything.

One entry in ``gc.callbacks`` writes plain numbers and appends to a queue: a lock or a log line there may
deadlock, since a collection begins wherever memory is asked for. The queue becomes the histogram when
the state is drained.
"""

from __future__ import annotations

import gc
import math
import sys
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, ClassVar

from ...catalogue import GENERATIONS
from ...state import Level
from ...state.queue import taken
from ..frame import Frame, Observer

#: Pauses between two drains, of which there are four a second; the youngest generation takes 50 us.
_QUEUE = 10_000
_FULL = 2
#: Without the GIL the collector knows no generations: each collection is a full one, whichever it reports.
_ALL_FULL = "free-threading" in sys.version


class Garbage(Observer):
    """Pauses by generation; begin and end of the last full collection."""

    name: ClassVar[str] = "garbage"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._begun = 0.0
        self._pauses: deque[tuple[int, float]] = deque(maxlen=_QUEUE)
        self._observe = [
            self.state.histogram("bokeh_python_gc_pause_seconds", each).observe_all for each in GENERATIONS
        ]
        #: ``time.monotonic()`` at which the last full collection that has ended began.
        self.full_begun = -math.inf
        #: Unix time at which it ended; 0 before the first.
        self.full_ended = 0.0
        #: Whether a search holds all objects at this time: what a collection leaves then may be held by nobody else.
        self.all_held = False

    def start(self) -> None:
        """Be called by the collector."""
        gc.callbacks.append(self._collecting)
        self.state.on_drain.append(self.drain)

    def stop(self) -> None:
        """Be called no more."""
        self._leave()
        self.state.on_drain.remove(self.drain)

    def after_fork(self, serves: bool) -> None:
        """In a child that serves nothing, be called no more."""
        if not serves:
            self._leave()

    def _leave(self) -> None:
        while self._collecting in gc.callbacks:  # somebody else may have taken it out, or copied the list
            gc.callbacks.remove(self._collecting)

    def _collecting(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self._begun = time.monotonic()
            return
        begun = self._begun
        if not begun:
            return  # we came in while it ran
        generation = _FULL if _ALL_FULL else info["generation"]
        if generation == _FULL:
            self.full_ended = time.time()
            self.full_begun = self.full_begun if self.all_held else begun
        self._pauses.append((generation, time.monotonic() - begun))

    def drain(self) -> None:
        """Make a histogram of the pauses."""
        if self._collecting not in gc.callbacks and self.patches.on:
            gc.callbacks.append(self._collecting)  # somebody cleared the list: without us nothing is ever retained
        found: list[list[float]] = [[] for _ in self._observe]
        for generation, seconds in taken(self._pauses):
            found[generation].append(seconds)
        for observe, seconds_each in zip(self._observe, found, strict=True):
            if seconds_each:
                observe(seconds_each)

    def collect(self) -> Iterable[Level]:
        """Report when the last full collection ran; nothing before the first."""
        if self.full_ended:
            yield Level("bokeh_python_gc_last_full_collection_timestamp_seconds", self.full_ended)
