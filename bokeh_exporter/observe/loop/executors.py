"""Tasks, threads, and the thread pools that Bokeh 3.10 runs callbacks, builds and responses in.

The pools are the loop's default executor (made on first use; Panel sets its own) and that of Bokeh's server. Before
Bokeh 3.10 nothing of Bokeh runs in a pool, and the rows are absent.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import itertools
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar

from ...catalogue import EXECUTOR_STATES
from ...state import Level
from ..apps import App
from ..frame import Frame, Observer
from ..hosts import thread_pools
from ..hosts.bokeh_sessions import executor_of
from ..hosts.thread_pools import HIDDEN, SUBMIT

#: Seconds between two counts of the tasks: 1 ms for every 10,000 of them.
_TASKS_EVERY = 5.0

_HOOK = SUBMIT.label


class Pool:
    """A thread pool in use, held weakly."""

    def __init__(self, executor: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._pooled = weakref.ref(executor)
        self._counted_on = weakref.ref(loop)
        #: Work that threads took up since we look. Counted without a lock: that it changes is what matters.
        self.taken = 0

    def executor(self) -> Any | None:
        """Return the executor, None if it is gone or was shut down."""
        executor = self._pooled()
        return None if executor is None or thread_pools.is_shut_down(executor) else executor

    def counted_by(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether this loop counts it: Panel has one pool for all, which the first counts while it lives."""
        first = self._counted_on()
        if first is None or first.is_closed():
            self._counted_on = weakref.ref(loop)
            return True
        return first is loop

    def sizes(self) -> tuple[int, int, int, int]:
        """Return busy and idle threads, how many there may be, and how much work waits."""
        executor = self.executor()
        return thread_pools.sizes(executor) if executor is not None else (0, 0, 0, 0)

    def threads(self) -> list[int]:
        """List the identifiers of its threads."""
        executor = self.executor()
        return thread_pools.thread_ids(executor) if executor is not None else []


class Executors(Observer):
    """What runs beside the callbacks: tasks and threads, and on Bokeh 3.10 its thread pools."""

    name: ClassVar[str] = "executors"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._pools: weakref.WeakKeyDictionary[Any, Pool] = weakref.WeakKeyDictionary()
        self._guard = threading.Lock()
        self._tasks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[float, int]] = (
            weakref.WeakKeyDictionary()
        )
        self._wait = self.state.histogram("bokeh_executor_wait_seconds")
        self._has_pools = thread_pools.server_has_pools()

    def start(self) -> None:
        """Leave the histogram out where there are no pools: announced, as every family, but without a number."""
        if not self._has_pools:
            self._wait.silent = True

    def pools(self) -> list[Pool]:
        """List the pools in use. From any thread."""
        with self._guard:
            pools = list(self._pools.values())
        return [pool for pool in pools if pool.executor() is not None]

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Read tasks and pools of the running loop, and find pools that are new."""
        loop = asyncio.get_running_loop()
        counted, tasks = self._tasks.get(loop, (-_TASKS_EVERY, 0))
        if now - counted >= _TASKS_EVERY:
            tasks = len(asyncio.all_tasks(loop))
            self._tasks[loop] = now, tasks
        yield Level("bokeh_asyncio_tasks", tasks)
        if self._has_pools:
            yield from self._sizes(loop, contexts)

    def collect(self) -> Iterable[Level]:
        """Read the number of threads."""
        yield Level("bokeh_python_threads", threading.active_count())

    # --- pools ---------------------------------------------------------------------------------

    def _sizes(self, loop: asyncio.AbstractEventLoop, contexts: Sequence[tuple[Any, App]]) -> Iterator[Level]:
        for executor in self._executors(loop, contexts):
            if executor not in self._pools and self.patches.enabled.get(_HOOK, True):
                self._adopt(executor, loop)
        if not self.patches.enabled.get(_HOOK, True):
            return
        sizes = [pool.sizes() for pool in self.pools() if pool.counted_by(loop)]
        busy, idle, limit, waiting = (sum(column) for column in zip((0, 0, 0, 0), *sizes, strict=True))
        for state, threads in zip(EXECUTOR_STATES, (busy, idle, limit), strict=True):
            yield Level("bokeh_executor_threads", threads, (state,))
        yield Level("bokeh_executor_queue_length", waiting)

    def _executors(self, loop: asyncio.AbstractEventLoop, contexts: Sequence[tuple[Any, App]]) -> Iterator[Any]:
        default = thread_pools.default_executor(loop)
        if default not in (None, HIDDEN):
            yield default
        yield from {executor_of(context) for context, _ in contexts} - {None}

    def _adopt(self, executor: Any, loop: asyncio.AbstractEventLoop) -> None:
        if not thread_pools.can_be_read(executor):
            self.patches.enabled[_HOOK] = False
        elif not thread_pools.is_shut_down(executor):
            pool = Pool(executor, loop)
            seam = dataclasses.replace(SUBMIT, wrap=self._submit(executor, pool))
            self.frame.hosts.wrap(executor, seam, asked=True)
            with self._guard:
                self._pools[executor] = pool

    def _submit(self, executor: Any, pool: Pool) -> Callable[[Callable[..., Any], Any], Callable[..., Any]]:
        patches, record, observe, clock = self.patches, self.state.record, self._wait.observe, time.perf_counter
        swallow = self.on.swallow
        # Not the bound method: the list of patches holds the wrapper, which must not hold the executor.
        reference = weakref.ref(executor)

        def begins(submitted: float, args: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
            try:
                record(observe, clock() - submitted)
                pool.taken += 1
            except Exception as ours:
                swallow(ours)
            yield args

        def make(original: Any, hosts: object) -> Callable[..., Any]:
            # Unless somebody has replaced it on the instance before us.
            function = getattr(original, "__func__", lambda owner, *args, **kwargs: original(*args, **kwargs))

            def submit(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
                owner = reference()
                if owner is None:
                    raise RuntimeError("cannot schedule new futures after shutdown")
                if not patches.on:
                    return function(owner, fn, *args, **kwargs)
                if kwargs:
                    fn = functools.partial(fn, **kwargs)
                # The thread asks starmap for a result, which asks us for the arguments and calls fn from C: so
                # there is no frame of ours in the app's tracebacks.
                return function(owner, next, itertools.starmap(fn, begins(clock(), args)))

            return submit

        return make
