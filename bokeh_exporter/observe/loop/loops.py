"""The event loops that servers run on: their ticks, and the samples taken on them.

A loop is known from the first moment that something of a host runs on it: the load hook of an
application, uvicorn's start, or, on hosts without either, the first session. On each, a timer measures how late it
is called, as JupyterHub does, and takes the samples, since to wake costs more than to sample. It starts in an empty
context, since tasks copy contexts and would keep what is in them. Nothing here holds a loop. Rejected: tornado's
``PeriodicCallback``, which goes by the wall clock: set back by two days, it samples again in two days.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable
from typing import Any, ClassVar

from ...state import Level
from ...state.levels import Parts
from ...state.queue import taken
from ..apps import App
from ..frame import Frame, Observer
from ..hosts.bokeh_sessions import loop_of
from .stacks import depth

#: Seconds between two ticks, at most: as often as a stall of 5 s must be seen. Each wakes a process that sleeps, which
#: took 0.3 ms with all the caches that it found empty: ten in a second were most of what an idle server spent on us.
TICK = 0.5
#: Ticks within the time that is a stall, where that is shorter.
_TICKS = 10
#: Lags that are kept until they are looked at, a few times a second.
_LAGS = 10_000
#: Turns of the loop that may prepare a sample, so that one comes however fast things change.
_TURNS = 100


class LoopState:
    """What runs on one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = weakref.ref(loop)
        #: The thread that runs it.
        self.thread = threading.get_ident()
        #: How many of its outermost frames run it: whatever is further in was called by the loop.
        self.outside = 0
        #: ``time.monotonic()`` of the last tick, from which ages are: the wall clock may be set while we run.
        self.ticked = time.monotonic()
        #: Unix times of the last tick and the last sample, as they are written down.
        self.tick_time = self.sample_time = time.time()
        self.last = Parts()
        #: When the next sample is due, and what waits for it where that is between two ticks.
        self.due = 0.0
        #: Seconds that the turns before the last have taken of the sample that is being read.
        self.spent = 0.0
        self.sampler: asyncio.Handle | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.expected = 0.0

    def running(self) -> bool:
        """Whether the loop exists and somebody runs it."""
        loop = self.loop()
        return loop is not None and not loop.is_closed() and loop.is_running()


class Loops(Observer):
    """Lag and last tick, the sampler of each loop, and who is notified that a loop has started."""

    name: ClassVar[str] = "loops"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._sites: dict[int, LoopState] = {}
        self._guard = threading.Lock()
        self._lag = self.state.histogram("bokeh_event_loop_lag_seconds")
        #: How late the ticks were since the last look. Not in the queue, by which the watcher knows who is at work.
        self.lags: deque[float] = deque(maxlen=_LAGS)
        self._duration = self.state.histogram("bokeh_exporter_sample_duration_seconds")
        self._stopped = False
        self.tick = min(TICK, frame.config.stall_after / _TICKS)
        #: Whether a tick takes the samples. More often than every second tick they have a timer of their own.
        self._with_ticks = frame.config.sample_period >= 2 * self.tick
        frame.loops = lambda: [loop for site in self.sites() if (loop := site.loop()) is not None]

    def start(self) -> None:
        """Subscribe to what says that a loop runs, and find the loops that already do."""
        self.state.on_drain.append(self.drain)
        self.on.after("context_made", self._made)
        self.on.before("loop_runs", self._running)
        self.on.before("session_made", self._running)
        for context, _ in self.apps.alive():
            loop = loop_of(context)
            if loop is not None and not loop.is_closed():
                loop.call_soon_threadsafe(self._attach, loop, context=contextvars.Context())

    def stop(self) -> None:
        """Stop the timers, each on its own loop."""
        self._stopped = True
        if self.drain in self.state.on_drain:
            self.state.on_drain.remove(self.drain)
        for site in list(self._sites.values()):
            loop = site.loop()
            if loop is not None and not loop.is_closed():
                loop.call_soon_threadsafe(self._detach, site, context=contextvars.Context())
        self._sites.clear()

    def drain(self) -> None:
        """Count how late the ticks were."""
        late = taken(self.lags)
        if late:
            self._lag.observe_all(late)

    def forget(self) -> None:
        """In a forked server process: the parent's loops are not ours."""
        self._guard = threading.Lock()
        self.lags.clear()
        for key in list(self._sites):
            self.state.levels.remove(key)
        self._sites.clear()

    def sites(self) -> list[LoopState]:
        """List the loops that run. What others had seen is forgotten: a server that has stopped has no sessions."""
        running = []
        for key, site in list(self._sites.items()):
            loop = site.loop()
            if site.running():
                running.append(site)
                continue
            self.state.levels.remove(key)
            if loop is None or loop.is_closed():
                self._sites.pop(key, None)
        return running

    # --- finding loops -------------------------------------------------------------------------

    def _made(self, context: Any) -> None:
        self.apps.add(context)
        self.frame.refresh()

    def _running(self, *facts: object) -> None:
        self.attach_running()

    def attach_running(self) -> bool:
        """Attach to the loop that runs in this thread, if there is one."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        self._attach(loop)
        return True

    def _attach(self, loop: asyncio.AbstractEventLoop) -> None:
        if id(loop) in self._sites and self._sites[id(loop)].loop() is loop:
            return
        with self._guard:
            if self._stopped or (id(loop) in self._sites and self._sites[id(loop)].loop() is loop):
                return
            site = self._sites[id(loop)] = LoopState(loop)
        contextvars.Context().run(self._begin, site, loop)
        self.frame.on_loop()

    def _begin(self, site: LoopState, loop: asyncio.AbstractEventLoop) -> None:
        self._sample_again(site)
        self._schedule(site, loop)

    def _detach(self, site: LoopState) -> None:
        for timer in (site.sampler, site.timer):
            if timer is not None:
                timer.cancel()

    # --- on the loop ---------------------------------------------------------------------------

    def _schedule(self, site: LoopState, loop: asyncio.AbstractEventLoop) -> None:
        site.expected = loop.time() + self.tick
        site.timer = loop.call_at(site.expected, self._tick, site)

    def _tick(self, site: LoopState) -> None:
        loop = site.loop()
        if loop is None or self._stopped:
            return
        due = site.expected
        self._schedule(site, loop)  # first of all: a clock that somebody has replaced may raise
        try:
            self._look(site, loop, due)
        except Exception as error:  # asyncio would log it, by the same clock, and end the loop if that raises as well
            self.state.swallow(self.name, error)

    def _look(self, site: LoopState, loop: asyncio.AbstractEventLoop, due: float) -> None:
        site.ticked, site.thread = time.monotonic(), threading.get_ident()
        site.outside = depth(sys._getframe(2))
        late = max(0.0, loop.time() - due)
        self.lags.append(late)
        if self._with_ticks and due + late >= site.due - self.tick / 2:
            self._sample_again(site)
        site.tick_time = time.time()

    def _sample_again(self, site: LoopState, turns: int = _TURNS) -> None:
        loop = site.loop()
        if loop is None or self._stopped:
            return
        if turns and self._behind(site):
            site.due = loop.time() + self.frame.config.sample_period  # no tick begins another one meanwhile
            site.sampler = loop.call_soon(self._sample_again, site, turns - 1)
            return
        self._sample(site)
        # From the end of one sample to the begin of the next, so that slow ones do not follow on each other's heels.
        site.due = loop.time() + self.frame.config.sample_period
        if not self._with_ticks:
            site.sampler = loop.call_at(site.due, self._sample_again, site)

    def _mine(self, site: LoopState) -> list[tuple[Any, App]]:
        loop = site.loop()
        return [(context, app) for context, app in self.apps.alive() if loop_of(context) is loop]

    def _behind(self, site: LoopState) -> bool:
        start = time.perf_counter()
        more = self.frame.behind(self._mine(site))
        spent = time.perf_counter() - start
        site.spent += spent
        self.state.overhead[0] += spent
        return more

    def _sample(self, site: LoopState) -> None:
        if self._stopped:
            return
        start = time.perf_counter()
        try:
            loop = site.loop()
            self.state.levels.replace(id(loop), self.frame.sample(self._mine(site), site.last))
            self.apps.prune()
            site.sample_time = time.time()
        except Exception as error:
            self.state.swallow(self.name, error)
        spent = time.perf_counter() - start
        self._duration.observe(site.spent + spent)
        site.spent = 0.0
        self.state.overhead[0] += spent

    def collect(self) -> Iterable[Level]:
        """Read the times of ticks and samples; the thread that answers a scrape is another one."""
        for site in self.sites():
            yield Level("bokeh_event_loop_last_tick_timestamp_seconds", site.tick_time)
            yield Level("bokeh_exporter_last_sample_timestamp_seconds", site.sample_time)
