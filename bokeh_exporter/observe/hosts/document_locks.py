"""The lock of a session's document: tornado's up to Bokeh 3.9, asyncio's from 3.10 on.

The wait is seen at the ``acquire`` of each session's own lock, by an attribute of that lock: it goes with the session.
A lock that is free is not waited for, and costs one look.
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
)


def watch(session: Any, waited: Callable[[float], None], free: Callable[[], Any]) -> None:
    """Call one of two each time somebody acquires the lock of a session's document.

    Args:
        session: the session.
        waited: called with the seconds of the wait, once it is over.
        free: called where nobody held it.
    """
    lock: Any = lock_of(session)
    if hasattr(lock.acquire, "__self__"):  # a method: not watched yet
        lock.acquire = _acquiring(type(lock).acquire, lock, waited, free)


def unwatch(session: Any) -> None:
    """Take our attribute off the lock of a session's document."""
    lock_of(session).__dict__.pop("acquire", None)


def _acquiring(
    acquire: Callable[..., Awaitable[Any]], lock: Any, waited: Callable[[float], None], free: Callable[[], Any]
) -> Callable[..., Awaitable[Any]]:
    reference = weakref.ref(lock)  # the lock must not hold itself in a cycle that only gc ends

    async def timed(awaitable: Awaitable[Any]) -> Any:
        start = perf_counter()
        try:
            return await awaitable
        finally:
            waited(perf_counter() - start)

    # tornado's gives a future, which shows by itself; asyncio's a coroutine, which has not begun.
    def acquire_tornados(timeout: Any = None) -> Awaitable[Any]:
        awaitable: Any = acquire(reference(), timeout)
        if not awaitable.done():
            return timed(awaitable)
        free()
        return cast("Awaitable[Any]", awaitable)

    def acquire_asyncios() -> Awaitable[Any]:
        lock: Any = reference()
        # It has waiters for a moment after it was let go; who comes then waits behind them.
        if lock._locked or lock._waiters:
            return timed(acquire(lock))
        free()
        return acquire(lock)

    return acquire_asyncios if hasattr(type(lock), "locked") else acquire_tornados
