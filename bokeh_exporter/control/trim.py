"""Giving memory back: a full collection, then ``malloc_trim``, when asked and, as an option, after sessions have ended.

The collection runs on the loop's thread, where finalizers of the host expect to run, and the trim off
it, without the interpreter's lock; while it has the lock of an arena, allocations there wait. What
resident memory lost is reported, and the split of it before and after is kept: what a trim gives back
though nothing was freed was fragmentation.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import threading
import time
from collections.abc import Callable, Iterable

from ..config import Config
from ..state import State
from ..state.process_memory import Trim

log = logging.getLogger("bokeh_exporter")

#: Seconds to wait for the loop to collect. One that does not tick serves nobody, and finalizers then run here.
_WAIT = 2.0


class Trims:
    """Trims on request, and by itself where the option says so.

    Args:
        config: whether and how often it trims by itself.
        state: holds the numbers of the last trim.
        loops: lists the event loops that run.
        unsupported: why the allocator cannot return memory here; None if it can.
        give_back: lets the allocator give back what it can.
    """

    def __init__(
        self, config: Config, state: State, *, loops: Callable[[], Iterable[asyncio.AbstractEventLoop]],
        unsupported: Callable[[], str | None], give_back: Callable[[], object],
    ) -> None:  # fmt: skip
        self._options, self._numbers, self._loops = config, state, loops
        self._unsupported, self._give_back = unsupported, give_back
        self._one_at_a_time = threading.Lock()
        self._reclaimed = state.counter("bokeh_memory_reclaimed_bytes_total")
        self._ended = self._trimmed = 0
        self._next = 0.0
        self._thread: threading.Thread | None = None

    def follows_sessions(self) -> bool:
        """Whether it wants to know of sessions that end; logs where it is wanted and cannot be done."""
        if not self._options.trim_after_destroy:
            return False
        reason = self._unsupported()
        if reason is not None:
            log.warning("trim_after_destroy has no effect here: %s", reason)
        return reason is None

    def session_ended(self, session: object) -> None:
        """Take note that a session has ended."""
        self._ended += 1

    def look(self, now: float) -> None:
        """Trim in a thread if sessions were destroyed and the last trim is long enough ago."""
        if self._ended != self._trimmed and now >= self._next:
            self._trimmed, self._next = self._ended, now + self._options.trim_interval
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=contextvars.Context().run, args=(self._by_itself,), name="bokeh-exporter-trim", daemon=True
                )
                self._thread.start()

    def trim(self) -> Trim:
        """Collect and trim now; one at a time. Not on a loop's thread, which is asked to collect."""
        memory = self._numbers.memory
        with self._one_at_a_time:
            reason = self._unsupported()
            if reason is not None:
                return Trim(supported=False, reason=reason, time=time.time())
            before = memory.split(fresh=True)
            pause = self._collect()
            start = time.perf_counter()
            self._give_back()
            pause += time.perf_counter() - start
            after = memory.split(fresh=True)
            released = max(0, int(before.get("rss", 0) - after.get("rss", 0)))
            self._reclaimed.inc(released)
            memory.last_trim = Trim(True, released, pause, time=time.time(), before=before, after=after)
            return memory.last_trim

    def _by_itself(self) -> None:
        try:
            done = self.trim()
        except Exception as error:
            self._numbers.swallow("trim", error)
            return
        if done.released_bytes:
            log.info(
                "trimmed after sessions were destroyed: %.1f MB returned to the system, the app paused for %.0f ms",
                done.released_bytes / 1e6,
                done.pause_seconds * 1000,
            )

    def _collect(self) -> float:
        """Run a full collection, on a loop that ticks where there is one, and return its seconds."""
        seconds: list[float] = []
        begun, ended = threading.Lock(), threading.Event()

        def collect() -> None:
            if not begun.acquire(False):
                return  # we had to do it ourselves
            start = time.perf_counter()
            try:
                gc.collect()
            finally:
                seconds.append(time.perf_counter() - start)
                ended.set()

        for loop in self._loops():
            try:
                loop.call_soon_threadsafe(collect, context=contextvars.Context())
            except RuntimeError:  # closed meanwhile
                continue
            if ended.wait(_WAIT) or not begun.acquire(False):
                ended.wait()
                return seconds[0]
            start = time.perf_counter()
            gc.collect()
            return time.perf_counter() - start
        collect()
        return seconds[0]
