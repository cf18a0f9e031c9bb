"""The lock of a session's document: tornado's up to Bokeh 3.9, asyncio's from 3.10 on.

The wait is seen at the ``acquire`` of each session's own lock, by an attribute of that lock: it goes with the session.
A lock that is free is not waited for, and costs one look. How long it is held is seen at its ``release``, which for
tornado's lock is that of the semaphore in it.
"""

from __future__ import annotations

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


def watch(
    session: Any, waited: Callable[[float, float], None], free: Callable[[], Any], held: Callable[[float], None]
) -> None:
    """Call one of two each time somebody acquires the lock of a session's document.

    Args:
        session: the session.
        waited: called with the ``perf_counter`` of begin and end of the wait, once it is over.
        free: called where nobody held it.
        held: called with the seconds for which it was held, once it is let go.
    """
    lock: Any = lock_of(session)
    if hasattr(lock.acquire, "__self__"):  # a method: not watched yet
        since = _Since()
        lock.acquire = _acquiring(type(lock).acquire, lock, waited, free, since)
        let_go = _releasing(lock)
        let_go.release = _released(type(let_go).release, let_go, held, since)


def unwatch(session: Any) -> None:
    """Take our attribute off the lock of a session's document."""
    lock = lock_of(session)
    lock.__dict__.pop("acquire", None)
    _releasing(lock).__dict__.pop("release", None)


class _Since:
    """When a lock was taken; 0 while it is not known."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at = 0.0


def _releasing(lock: Any) -> Any:
    """Return what has the ``release`` that lets the lock go."""
    return lock if hasattr(type(lock), "locked") else lock._block


def _released(
    release: Callable[..., None], lock: Any, held: Callable[[float], None], since: _Since
) -> Callable[[], None]:
    reference = weakref.ref(lock)

    def release_and_report() -> None:
        begin, since.at = since.at, 0.0
        release(reference())
        if begin:
            held(perf_counter() - begin)

    return release_and_report


def _acquiring(
    acquire: Callable[..., Awaitable[Any]], lock: Any, waited: Callable[[float, float], None], free: Callable[[], Any],
    since: _Since,
) -> Callable[..., Awaitable[Any]]:  # fmt: skip
    reference = weakref.ref(lock)  # the lock must not hold itself in a cycle that only gc ends

    async def timed(awaitable: Awaitable[Any]) -> Any:
        start = perf_counter()
        try:
            taken = await awaitable
            since.at = perf_counter()
            return taken
        finally:
            waited(start, perf_counter())

    # tornado's gives a future, which shows by itself; asyncio's a coroutine, which has not begun.
    def acquire_tornados(timeout: Any = None) -> Awaitable[Any]:
        awaitable: Any = acquire(reference(), timeout)
        if not awaitable.done():
            return timed(awaitable)
        since.at = perf_counter()
        free()
        return cast("Awaitable[Any]", awaitable)

    def acquire_asyncios() -> Awaitable[Any]:
        lock: Any = reference()
        # It has waiters for a moment after it was let go; who comes then waits behind them.
        if lock._locked or lock._waiters:
            return timed(acquire(lock))
        since.at = perf_counter()
        free()
        return acquire(lock)

    return acquire_asyncios if hasattr(type(lock), "locked") else acquire_tornados
