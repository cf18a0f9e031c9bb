"""The lock of a session's document: tornado's up to Bokeh 3.9, asyncio's from 3.10 on.

The wait is seen at the ``acquire`` of each session's own lock, by an attribute of that lock: it goes with the session.
A lock that is free is not waited for, and costs one look. How long it is held is seen at its ``release``, which for
tornado's lock is that of the semaphore in it.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, cast

from .bokeh_sessions import lock_of
from .seams import Attribute

SEAMS = ()

ATTRIBUTES = (
    Attribute("asyncio.locks:Lock._locked", "waits for the document lock"),
    Attribute("asyncio.locks:Lock._waiters", "waits for the document lock"),
    Attribute("tornado.locks:Lock.acquire", "waits for the document lock"),
    Attribute("tornado.locks:Semaphore.release", "how long the document lock is held"),
    Attribute("asyncio.locks:Lock.release", "how long the document lock is held"),
)


class Hold:
    """The lock of one session's document: since when it is held, and the task that took it.

    Args:
        app: the label of the app.
        holds: where it stands while it is held, by its ``id``.
    """

    __slots__ = ("app", "at", "holds", "task")

    def __init__(self, app: str, holds: dict[int, Hold]) -> None:
        self.app, self.holds = app, holds
        #: ``perf_counter`` of the moment at which it was taken; 0 while that is not known.
        self.at = 0.0
        self.task: weakref.ref[asyncio.Task[Any]] | None = None

    def take(self) -> None:
        """Somebody has it now, on this thread."""
        self.at = perf_counter()
        task = asyncio.current_task()
        self.task = weakref.ref(task) if task is not None else None
        self.holds[id(self)] = self

    def let_go(self) -> float:
        """Nobody has it now; return when it was taken."""
        begin, self.at, self.task = self.at, 0.0, None
        self.holds.pop(id(self), None)
        return begin


def watch(
    session: Any, hold: Hold, waited: Callable[[float, float], None], free: Callable[[], Any],
    held: Callable[[float], None],
) -> None:  # fmt: skip
    """Call one of two each time somebody acquires the lock of a session's document.

    Args:
        session: the session.
        hold: hears when its lock is taken and released.
        waited: called with the ``perf_counter`` of begin and end of the wait, once it is over.
        free: called where nobody held it.
        held: called with the seconds for which it was held, once it is let go.
    """
    lock: Any = lock_of(session)
    if hasattr(lock.acquire, "__self__"):  # a method: not watched yet
        lock.acquire = _acquiring(type(lock).acquire, lock, waited, free, hold)
        let_go = _releasing(lock)
        let_go.release = _released(type(let_go).release, let_go, held, hold)


def unwatch(session: Any) -> None:
    """Take our attribute off the lock of a session's document."""
    lock = lock_of(session)
    lock.__dict__.pop("acquire", None)
    _releasing(lock).__dict__.pop("release", None)


def _releasing(lock: Any) -> Any:
    """Return what has the ``release`` that lets the lock go."""
    return lock if hasattr(type(lock), "locked") else lock._block


def _released(release: Callable[..., None], lock: Any, held: Callable[[float], None], hold: Hold) -> Callable[[], None]:
    reference = weakref.ref(lock)

    def release_and_report() -> None:
        begin = hold.let_go()
        release(reference())
        if begin:
            held(perf_counter() - begin)

    return release_and_report


def _acquiring(
    acquire: Callable[..., Awaitable[Any]], lock: Any, waited: Callable[[float, float], None], free: Callable[[], Any],
    hold: Hold,
) -> Callable[..., Awaitable[Any]]:  # fmt: skip
    reference = weakref.ref(lock)  # the lock must not hold itself in a cycle that only gc ends

    async def timed(awaitable: Awaitable[Any]) -> Any:
        start = perf_counter()
        try:
            taken = await awaitable
            hold.take()
            return taken
        finally:
            waited(start, perf_counter())

    # tornado's gives a future, which shows by itself; asyncio's a coroutine, which has not begun.
    def acquire_tornados(timeout: Any = None) -> Awaitable[Any]:
        awaitable: Any = acquire(reference(), timeout)
        if not awaitable.done():
            return timed(awaitable)
        hold.take()
        free()
        return cast("Awaitable[Any]", awaitable)

    def acquire_asyncios() -> Awaitable[Any]:
        lock: Any = reference()
        # It has waiters for a moment after it was let go; who comes then waits behind them.
        if lock._locked or lock._waiters:
            return timed(acquire(lock))
        hold.take()
        free()
        return acquire(lock)

    return acquire_asyncios if hasattr(type(lock), "locked") else acquire_tornados
