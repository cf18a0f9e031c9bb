"""Full garbage collections that the exporter runs: on request, and by itself at a quiet moment.

Only a full collection separates what is retained from what is pending, and an idle server
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
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late  # another than the built-in one before Python 3.11
from typing import NamedTuple

from .. import config as options
from ..config import Config
from ..state import State

log = logging.getLogger("bokeh_exporter")

#: Seconds without a message or callback that make a quiet moment.
QUIET = 0.5
#: Seconds of a full collection for each allocated block, of which objects in containers are half or fewer.
_PER_BLOCK = 1e-7
#: Seconds without a full collection after which the judge's floors are garbage: it compares those of ten minutes.
_FLOORS = 600.0
#: Factor of the wait after one that took long, and its maximum: from five minutes to five hours.
_BACK_OFF, _MOST = 4.0, 64.0
#: Seconds that a request waits for the loop, before it collects in its own thread.
PATIENCE = 2.0


class Collected(NamedTuple):
    """What a full collection did."""

    #: Seconds that it stopped the interpreter.
    pause: float
    #: Unreachable objects that it found.
    collected: int
    #: Seconds of processor time: what is the collection's own, and not a neighbour's load.
    work: float


class Collecting:
    """Runs full collections.

    Args:
        config: whether and how often the exporter may collect by itself.
        state: its interactions say when the moment is quiet.
        loops: lists the loops that run, with the threads that run them.
        oldest_pending: ``time.monotonic()`` at which the oldest session was destroyed that no collection has judged.
        judge: books what a collection has freed and left.
        running: lists the users' functions that run in a thread.
    """

    def __init__(
        self, config: Config, state: State, *, loops: Callable[[], Iterable[tuple[asyncio.AbstractEventLoop, int]]],
        oldest_pending: Callable[[], float | None], judge: Callable[[], None],
        running: Callable[[int], Sequence[object]],
    ) -> None:  # fmt: skip
        self._options, self._numbers = config, state
        self._loops, self._oldest_pending, self._judge, self._running = loops, oldest_pending, judge, running
        self._last = -math.inf
        self._due_since: float | None = None
        #: Whether the exporter may still collect by itself.
        self.willing = config.collect_garbage
        #: Full collections that were run by anybody, and when that number was new.
        self._count, self._counted = -1, 0.0
        #: Times as long as configured that lies between two: grows while they take long.
        self._factor = 1.0

    # --- on request ----------------------------------------------------------------------------

    def collect_now(self) -> float:
        """Run one full collection now and return its pause in seconds. Exempt from the limit.

        On the thread of an event loop; in the caller's where there is none or it is blocked.
        """
        return self.run().pause

    def collect_unless_long(self) -> None:
        """Run one now, unless the heap is so large that visitors would notice."""
        if sys.getallocatedblocks() * _PER_BLOCK <= self._options.collect_garbage_pause:
            self.run()
        else:
            self._judge()

    def run(self) -> Collected:
        """Run one full collection now, as :meth:`collect_now`, and return what it found."""
        loop = self._another_loop()
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
        """Run one full collection now, and answer as ``/debug/collect`` does."""
        done = self.run()
        return {"pause_seconds": done.pause, "collected": done.collected}

    def _another_loop(self) -> asyncio.AbstractEventLoop | None:
        """Return a loop that runs in another thread."""
        for loop, thread in self._loops():
            if thread != threading.get_ident():
                return loop
        return None

    def _collected(self) -> Collected:
        start, worked = time.monotonic(), time.thread_time()
        found = gc.collect()
        pause, work = time.monotonic() - start, time.thread_time() - worked
        self._judge()
        return Collected(pause, found, work)

    # --- by itself -----------------------------------------------------------------------------

    def look(self, now: float) -> None:
        """Look, on the loop after a sample, whether a collection is due and the moment is quiet."""
        oldest = self._oldest_pending()
        due = (oldest is not None and now - oldest > self._options.grace) or self._judge_waits(now)
        if not self.willing or not due:
            self._due_since = None
            return
        if self._due_since is None:
            self._due_since = now
        if now - self._last >= self._options.collect_garbage_limit * self._factor and self._quiet(
            now - self._due_since
        ):
            self._last = now
            asyncio.get_running_loop().call_soon(self._by_itself, context=contextvars.Context())

    def _judge_waits(self, now: float) -> bool:
        """Whether nobody has collected for long, so that the judge's floors hold garbage, and it would be short."""
        count = gc.get_stats()[2]["collections"]
        if count != self._count:
            self._count, self._counted = count, now
        return (
            now - self._counted > _FLOORS
            and sys.getallocatedblocks() * _PER_BLOCK <= self._options.collect_garbage_pause
        )

    def _quiet(self, waited: float) -> bool:
        if any(self._running(thread) for thread in sys._current_frames()):
            return False
        newest = max((each.time + each.seconds for each in self._numbers.interactions), default=0.0)
        # A server that is never quiet is collected as well in the end, in ever shorter breaks.
        wanted = QUIET * (1 - waited / self._options.collect_garbage_limit)
        age = time.time() - newest
        return age >= wanted or age < -QUIET  # the wall clock has been set back since

    def _by_itself(self) -> None:
        try:
            done = self._collected()
        except Exception as error:
            self._numbers.swallow("collecting", error)
            return
        if done.work <= self._options.collect_garbage_pause:
            self._factor = 1.0
            return
        self._factor = min(self._factor * _BACK_OFF, _MOST)
        log.warning(
            "a full garbage collection took %.2f s of processor time: the exporter runs the next by itself in %.0f s "
            "at the earliest. What is destroyed and not freed stays pending until Python, Bokeh or it runs one; %s "
            "raises the bound, %s=0 keeps it from ever running one",
            done.work, self._options.collect_garbage_limit * self._factor,
            options.variable("collect_garbage_pause"), options.variable("collect_garbage"),
        )  # fmt: skip
