"""Tasks, threads, and the thread pools that Bokeh 3.10 runs callbacks, builds and responses in.

The pools are the loop's default executor (made on first use; Panel sets its own) and Bokeh's
``_ServerExecutor``. They tell what they do only through attributes of ``ThreadPoolExecutor`` that are
not documented, so they are checked before they are used. The wait for a thread has no seam: each
pool's own ``submit`` is replaced on the instance. Before Bokeh 3.10 nothing of Bokeh runs in a pool,
and the rows are absent.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import importlib.util
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

#: Seconds between two counts of the tasks: 1 ms for every 10,000 of them.
_TASKS_EVERY = 5.0

_HOOK = "ThreadPoolExecutor.submit"
_ABSENT = object()
#: Thread pools that pickle their work (Python 3.14), which ours is not made for.
_PICKLING: Any = getattr(concurrent.futures, "InterpreterPoolExecutor", ())


class Pool:
    """A thread pool in use, held weakly."""

    def __init__(self, executor: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._executor = weakref.ref(executor)
        self._loop = weakref.ref(loop)
        #: Work that threads took up since we look. Counted without a lock: that it changes is what matters.
        self.taken = 0

    def executor(self) -> Any | None:
        """Return the executor, None if it is gone or was shut down."""
        executor = self._executor()
        return None if executor is None or executor._shutdown else executor

    def counted_by(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether this loop counts it: Panel has one pool for all, which the first counts while it lives."""
        first = self._loop()
        if first is None or first.is_closed():
            self._loop = weakref.ref(loop)
            return True
        return first is loop

    def sizes(self) -> tuple[int, int, int, int]:
        """Return busy and idle threads, how many there may be, and how much work waits."""
        executor = self.executor()
        if executor is None:
            return 0, 0, 0, 0
        threads = len(executor._threads)
        waiting = executor._work_queue.qsize()
        # Older Pythons count threads as idle that have gone on to the next work.
        idle = 0 if waiting else min(threads, max(0, executor._idle_semaphore._value))
        return threads - idle, idle, executor._max_workers, waiting

    def threads(self) -> list[int]:
        """List the identifiers of its threads."""
        executor = self.executor()
        if executor is None:
            return []
        return [thread.ident for thread in list(executor._threads) if thread.ident is not None]


class Executors(Observer):
    """What runs beside the callbacks: tasks and threads, and on Bokeh 3.10 its thread pools."""

    name: ClassVar[str] = "executors"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._pools: weakref.WeakKeyDictionary[Any, Pool] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        self._tasks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[float, int]] = (
            weakref.WeakKeyDictionary()
        )
        self._wait: Any = self.state.child("bokeh_executor_wait_seconds")
        self._has_pools = importlib.util.find_spec("bokeh.server.executor") is not None

    def start(self) -> None:
        """Leave the histogram out where there are no pools: announced, as every family, but without a number."""
        if not self._has_pools:
            self._wait.silent = True

    def pools(self) -> list[Pool]:
        """List the pools in use. From any thread."""
        with self._lock:
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
        default = getattr(loop, "_default_executor", _ABSENT)
        # uvloop hides it. What is there is made with the first use, and None until then.
        self.patches.enabled["loop._default_executor"] = default is not _ABSENT
        if default not in (None, _ABSENT):
            yield default
        for holder in {getattr(context, "_executor", None) for context, _ in contexts}:
            if holder is not None:
                yield getattr(holder, "_executor", None)

    def _adopt(self, executor: Any, loop: asyncio.AbstractEventLoop) -> None:
        try:
            if executor._shutdown:
                return
            pool = Pool(executor, loop)
            pool.sizes(), pool.threads()
            fits = not isinstance(executor, _PICKLING)
        except (AttributeError, TypeError):
            fits = False  # not a ThreadPoolExecutor as we know it
        if not fits:
            self.patches.enabled[_HOOK] = False
        else:
            self.hook.replace(executor, "submit", self._submit(executor, pool), hook=_HOOK)
            with self._lock:
                self._pools[executor] = pool

    def _submit(self, executor: Any, pool: Pool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        patches, record, observe, clock = self.patches, self.state.record, self._wait.observe, time.perf_counter
        swallow = self.hook.swallow
        # Not the bound method: the list of patches holds the wrapper, which must not hold the executor.
        reference = weakref.ref(executor)

        def begins(submitted: float, args: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
            try:
                record(observe, clock() - submitted)
                pool.taken += 1
            except Exception as ours:
                swallow(ours)
            yield args

        def make(original: Any) -> Callable[..., Any]:
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
