"""Full garbage collections that the exporter runs: on request, and by itself at a quiet moment.

Only a full collection tells what is retained from what has not been looked at yet, and an idle server
may run none for hours. On the loop's thread where that is possible, since finalizers of the host may
expect it; a loop that is blocked is not waited for.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import math
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late  # another than the built-in one before Python 3.11
from typing import Any, ClassVar, NamedTuple

from .. import config as options
from ..observe.apps import App
from ..observe.frame import Frame, Observer
from ..observe.leaks.ledger import Ledger
from ..observe.loop.loops import Loops
from ..state import Level

log = logging.getLogger("bokeh_exporter")

#: Seconds without a message or callback that make a quiet moment.
QUIET = 0.5
#: Seconds of a full collection for each allocated block, of which objects in containers are half or fewer.
_PER_BLOCK = 1e-7
#: Seconds that a request waits for the loop, before it collects in its own thread.
PATIENCE = 2.0


class Collected(NamedTuple):
    """What a full collection did."""

    #: Seconds that it stopped the interpreter.
    pause: float
    #: Unreachable objects that it found.
    collected: int


class Collecting(Observer):
    """Runs full collections."""

    name: ClassVar[str] = "collecting"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._last = -math.inf
        self._due_since: float | None = None
        #: Whether the exporter may still collect by itself.
        self.willing = frame.config.collect_garbage

    # --- on request ----------------------------------------------------------------------------

    def collect_now(self) -> float:
        """Run one full collection now and return its pause in seconds. Exempt from the limit.

        On the thread of an event loop; in the caller's where there is none or it is blocked.
        """
        return self.run().pause

    def collect_unless_long(self) -> None:
        """Run one now, unless the heap is so large that visitors would notice."""
        if sys.getallocatedblocks() * _PER_BLOCK <= self.frame.config.collect_garbage_pause:
            self.run()
        else:
            self.frame.find(Ledger).drain()

    def run(self) -> Collected:
        """Run one full collection now, as :meth:`collect_now`, and tell what it found."""
        loop = self._loop()
        if loop is None:
            return self._collected()
        asked: Future[Collected] = Future()

        def answer() -> None:
            if asked.set_running_or_notify_cancel():
                try:
                    asked.set_result(self._collected())
                except BaseException as error:
                    asked.set_exception(error)

        try:
            loop.call_soon_threadsafe(answer, context=contextvars.Context())
        except RuntimeError:  # closed meanwhile
            return self._collected()
        try:
            return asked.result(PATIENCE)
        except Late:
            return self._collected() if asked.cancel() else asked.result()

    def answer(self) -> dict[str, float]:
        """Run one full collection now, and tell as ``/debug/collect`` does."""
        done = self.run()
        return {"pause_seconds": done.pause, "collected": done.collected}

    def _loop(self) -> asyncio.AbstractEventLoop | None:
        """Return a loop that runs in another thread."""
        for site in self.frame.find(Loops).sites():
            loop = site.loop()
            if loop is not None and site.thread != threading.get_ident():
                return loop
        return None

    def _collected(self) -> Collected:
        start = time.monotonic()
        found = gc.collect()
        pause = time.monotonic() - start
        self.frame.find(Ledger).drain()
        return Collected(pause, found)

    # --- by itself -----------------------------------------------------------------------------

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Look whether a collection is due and the moment is quiet. It runs after the sample, not in it."""
        oldest = self.frame.find(Ledger).oldest_pending
        due = oldest is not None and now - oldest > self.frame.config.grace
        if not self.willing or not due:
            self._due_since = None
            return ()
        if self._due_since is None:
            self._due_since = now
        if now - self._last >= self.frame.config.collect_garbage_limit and self._quiet(now - self._due_since):
            self._last = now
            asyncio.get_running_loop().call_soon(self._by_itself, context=contextvars.Context())
        return ()

    def _quiet(self, waited: float) -> bool:
        if any(self.frame.running(thread) for thread in sys._current_frames()):
            return False
        newest = max((each.time + each.seconds for each in self.state.interactions), default=0.0)
        # A server that is never quiet is collected as well in the end, in ever shorter breaks.
        wanted = QUIET * (1 - waited / self.frame.config.collect_garbage_limit)
        return time.time() - newest >= wanted

    def _by_itself(self) -> None:
        try:
            pause = self._collected().pause
        except Exception as error:
            self.state.swallow(self.name, error)
            return
        if pause > self.frame.config.collect_garbage_pause:
            self.willing = False
            log.warning(
                "a full garbage collection took %.2f s: the exporter runs no other by itself. What is destroyed and "
                "not freed stays pending until Python or Bokeh runs one; %s raises the bound, %s=0 keeps it from ever "
                "running one",
                pause, options.variable("collect_garbage_pause"), options.variable("collect_garbage"),
            )  # fmt: skip
