"""The watcher: a thread that notices a blocked server, and logs the cause once and the end once.

Four times a second, and once where nothing happens, it applies what the hot paths recorded, and checks whether each
loop has ticked and each thread pool takes work. How late it woke itself is the only trace of a C call that keeps the
interpreter lock: meanwhile nothing in the process can run, so it is reported afterwards. Rejected: a
signal with ``faulthandler``, which needs the main thread and names no callback; asyncio's debug mode,
which names a slow callback only once it has ended.
"""

from __future__ import annotations

import contextvars
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from ...state import State
from ...state.notices import STALLED
from .culprits import Culprits, RunningCalls
from .executors import Pool
from .imports import NOTICED, Imports
from .loops import TICK, LoopState
from .stacks import stack_of

log = logging.getLogger("bokeh_exporter")

#: Seconds between two looks: a twentieth of a stall.
PERIOD = 0.25
#: Seconds between two looks while nothing happens: to wake costs more than to look. Who falls silent is seen to do so
#: by a look, and is looked at as often as any other from then on.
IDLE = 1.0
#: Seconds without anything recorded after which nothing happens: an interaction is over after half of one.
_CALM = 2.0
#: Seconds without a tick, or with work that no thread takes up, after which liveness and readiness fail.
STALE = 10.0
#: Different stacks of a pool that are logged: six threads mostly stand at the same line.
_STACKS = 4
#: Seconds that ``stop`` waits: a look takes a millisecond, a log handler may hang.
_JOIN = 2.0


class _Loop:
    """What is known of one loop: its last tick, and since when there was none."""

    def __init__(self, site: LoopState, now: float) -> None:
        self.site, self.ticked, self.since = site, site.ticked, now
        self.stalled: str | None = None
        #: Whether it was let off since it last ticked: once, since what keeps the interpreter lock may do so again.
        self.excused = False
        self.imports = Imports()


class _FullPool:
    """A pool whose threads are all busy with work waiting: since when, and since when none was taken up."""

    def __init__(self, pool: Pool, now: float) -> None:
        self.pool, self.since, self.stuck, self.taken = pool, now, now, pool.taken
        self.logged = False


class Watcher:
    """Watches the loops and pools of one exporter.

    Args:
        state: is drained, and holds the numbers.
        stall_after: seconds without a tick that are a stall.
        sites: lists the loops that run.
        pools: lists the thread pools in use.
        running: lists the users' functions that run in a thread.
        leaving: how many sessions the sweep destroys, and how many of them with a full collection.
        also: are called at each look, for what has to go on while the loop is blocked.
        idle: seconds between two looks while nothing happens.
        hurries: whether one of ``also`` wants to be called often now.
    """

    def __init__(
        self, state: State, stall_after: float, *, sites: Callable[[], list[LoopState]],
        pools: Callable[[], list[Pool]], running: RunningCalls = lambda thread: [],
        leaving: Callable[[], tuple[int, int]] = lambda: (0, 0),
        also: Sequence[Callable[[], None]] = (), idle: float = IDLE, hurries: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        self._numbers, self._stall_after = state, stall_after
        self._sites, self._pools, self._running, self._also = sites, pools, running, also
        self._culprits = Culprits(running, leaving)
        self._idle, self._hurries, self._calm_since = max(PERIOD, idle), hurries, time.monotonic()
        self._stalls = state.counter("bokeh_event_loop_stalls_total")
        self._late = state.histogram("bokeh_exporter_gil_wait_seconds")
        self._loops: dict[LoopState, _Loop] = {}
        self._full: dict[Pool, _FullPool] = {}
        self._imported: set[str] = set()
        self._ending = threading.Event()
        # An empty context: whatever the host keeps in its own would live as long as the thread.
        self._thread = threading.Thread(
            target=contextvars.Context().run, args=(self._run,), name="bokeh-exporter-watcher", daemon=True
        )

    def start(self) -> None:
        """Start the thread. A forked child has none and makes a watcher of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and wait for it unless this is it. Idempotent."""
        self._ending.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_JOIN)

    def problems(self, after: float = STALE) -> list[str]:
        """Return for how long the server has been blocked and by what, if for longer than that. From any thread."""
        found = []
        for site in self._sites():
            age = time.monotonic() - site.ticked
            if age > after:
                found.append(f"the event loop has not ticked for {age:.0f} s{self._culprit(site, age)}")
        now = time.monotonic()
        for full in list(self._full.values()):
            if now - full.stuck > after:
                found.append(self._busy(full, now - full.stuck))
        return found

    # --- in the thread -------------------------------------------------------------------------

    def _run(self) -> None:
        # From one look to the next, not from where the last one ended: the process may stop within a look as well.
        cpu, woke, own, period = time.process_time(), time.monotonic(), 0.0, PERIOD
        while not self._ending.wait(period):
            now = time.monotonic()
            late = max(0.0, now - woke - period - own)
            meanwhile, woke, cpu = time.process_time() - cpu, now, time.process_time()
            spent = time.thread_time()
            looks: list[Callable[[], object]] = [
                self._numbers.drain,
                lambda late=late, cpu=meanwhile: self._woke(late, cpu),  # type: ignore[misc]
                lambda now=now, late=late: self._watch_loops(now, late),  # type: ignore[misc]
                lambda now=now: self._watch_pools(now),  # type: ignore[misc]
                *self._also,
            ]
            for look in looks:
                try:
                    look()
                except Exception as error:
                    self._numbers.swallow("watcher", error)
            own = time.thread_time() - spent
            self._numbers.overhead[0] += own
            period = PERIOD if self._something_happens(now) else self._idle

    def _something_happens(self, now: float) -> bool:
        """Whether to look again soon: somebody is at work, or no longer, or waits for us."""
        if self._numbers.busy:
            self._numbers.busy, self._calm_since = False, now
        if now - self._calm_since < _CALM or self._full or self._hurries():
            return True
        return any(now - site.ticked > TICK + PERIOD for site in self._sites())

    def _woke(self, late: float, cpu: float) -> None:
        """Measure how late we are: somebody kept the interpreter lock, or the process did not run."""
        self._late.observe(late)
        ages = [time.monotonic() - site.ticked for site in self._sites()]
        if late <= self._stall_after or any(max(PERIOD, late / 4) < age < late - PERIOD for age in ages):
            return  # where a loop ticked meanwhile, it was one of our looks that waited, as for a slow log handler
        if cpu > late / 2:
            why = "a call into C code held the interpreter lock"
        else:
            why = "it was suspended, or a call into C code waited while it held the interpreter lock"
        since = time.perf_counter() - 0.9 * late
        calls = [call for thread in sys._current_frames() for call in self._running(thread) if call[2] < since]
        meanwhile = f". Running since before: {', '.join(f'{app}: {name}' for app, name, _ in calls)}" if calls else ""
        log.warning("the whole process was blocked for %.1f s and could not answer: %s%s", late, why, meanwhile)

    def _watch_loops(self, now: float, late: float) -> None:
        sites = self._sites()
        for gone in self._loops.keys() - sites:
            del self._loops[gone]
        for site in sites:
            loop = self._loops.setdefault(site, _Loop(site, now))
            if site.ticked != loop.ticked:
                package = loop.imports.name
                if package is not None and package not in self._imported:
                    self._imported.add(package)  # once: what is imported is there
                    log.info("importing %s took %.1f s, and the event loop waited", package, site.ticked - loop.ticked)
                elif loop.stalled is not None:
                    log.info("the event loop ticks again after %.1f s%s", site.ticked - loop.ticked, loop.stalled)
                loop.ticked, loop.since, loop.stalled, loop.imports = site.ticked, now, None, Imports()
                loop.excused = False
                continue
            age = now - loop.since
            if age >= NOTICED:
                loop.imports.look(site.thread)
            if age < self._stall_after or loop.stalled is not None:
                continue
            if late > age / 2 and not loop.excused:
                loop.since, loop.excused = now, True  # we did not run either, so the loop has yet to get its chance
                continue
            self._stalls.inc()
            # Kept until it is over, when other things run.
            name, loop.stalled = self._culprits.of_loop(site, age)
            stack = stack_of(site.thread)
            culprit: dict[str, str | float] = {"bokeh.event_loop.culprit": name} if name is not None else {}
            self._numbers.notices.emit(STALLED, {"bokeh.event_loop.stall.age": age} | culprit, warns=True)
            log.warning("the event loop has not ticked for %.1f s%s. The server answers no one. Its thread is at\n%s",
                        age, loop.stalled, _indented(stack))  # fmt: skip

    def _watch_pools(self, now: float) -> None:
        pools = self._pools()
        for pool in {*pools, *self._full}:
            _, _, threads, waiting = pool.sizes()
            full = self._full.get(pool)
            if not waiting or len(pool.threads()) < threads or pool not in pools:
                if full is not None:
                    del self._full[pool]
                    if full.logged:
                        log.info("worker threads take work again after %.1f s", now - full.since)
                continue
            if full is None:
                full = self._full[pool] = _FullPool(pool, now)
            if pool.taken != full.taken:
                full.taken, full.stuck = pool.taken, now
            if not full.logged and now - full.since >= self._stall_after:
                full.logged = True
                stacks = Counter("\n".join(stack_of(thread)) for thread in pool.threads())
                shown = "\n".join(
                    f"  {count} of them:\n{_indented(stack.split(chr(10)))}"
                    for stack, count in stacks.most_common(_STACKS)
                )
                log.warning("%s. They are at\n%s", self._busy(full, now - full.since), shown)

    # --- words ---------------------------------------------------------------------------------

    def _culprit(self, site: LoopState, age: float) -> str:
        return self._culprits.of_loop(site, age)[1]

    def _busy(self, full: _FullPool, age: float) -> str:
        threads = full.pool.threads()
        holders = Counter(who[0] for thread in threads if (who := self._culprits.who(thread)) is not None)
        names = ", ".join(f"{name} ({count})" for name, count in holders.most_common())
        return (
            f"all {len(threads)} worker threads have been busy for {age:.0f} s with work waiting: {names or 'unknown'}"
        )


def _indented(lines: list[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)
