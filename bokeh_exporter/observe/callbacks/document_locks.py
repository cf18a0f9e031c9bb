"""The document lock: how long callbacks wait for it, and what waits in documents.

The wait is measured at the ``acquire`` of each session's own lock, tornado's up to Bokeh 3.9 and
asyncio's from 3.10 on, by an attribute of that lock: it goes with the session. A lock that is free is
not waited for, and costs one look.
"""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Iterable, Sequence
from time import perf_counter
from typing import Any, ClassVar, cast

from ... import config as options
from ...state import Level
from ...state.interactions import current
from ..apps import App
from ..frame import Observer
from ..hosts.bokeh_sessions import is_contended, lock_of, sessions_of
from ..sessions.totals import SessionTotals, mark


class DocumentLocks(Observer):
    """Waits for the document lock; callbacks registered in live sessions."""

    name: ClassVar[str] = "locks"
    level: ClassVar[options.Level] = "callback"

    def start(self) -> None:
        """Subscribe to new sessions, and watch the locks of those that exist."""
        self.on.after("session_made", self._opened)
        self.on.after("session_callback_removed", mark)
        for context, app in self.apps.alive():
            for session in sessions_of(context):
                self._watch(session, app)

    def stop(self) -> None:
        """Take our attribute off the locks that are alive."""
        for context, _ in self.apps.alive():
            for session in sessions_of(context):
                lock_of(session).__dict__.pop("acquire", None)

    def _opened(self, session: Any, document: object, context: Any) -> None:
        if context is not None:
            self._watch(session, self.apps.of(context))

    def _watch(self, session: Any, app: App) -> None:
        lock: Any = lock_of(session)
        if hasattr(lock.acquire, "__self__"):  # a method: not watched yet
            row = "bokeh_document_lock_wait_seconds"
            acquiring = self._acquiring(type(lock).acquire, lock, app.child(row).observe, app.counting(row))
            lock.acquire = acquiring

    def _acquiring(
        self,
        acquire: Callable[..., Awaitable[Any]],
        lock: Any,
        observe: Callable[[float], None],
        free: Callable[[], Any],
    ) -> Callable[..., Awaitable[Any]]:
        reference = weakref.ref(lock)  # the lock must not hold itself in a cycle that only gc ends
        queue = self.state.queue

        async def waited(awaitable: Awaitable[Any]) -> Any:
            start = perf_counter()
            try:
                return await awaitable
            finally:
                queue.append((observe, perf_counter() - start, current.get()))

        # tornado's gives a future, which tells by itself; asyncio's a coroutine, which has not begun.
        def acquired_tornados(timeout: Any = None) -> Awaitable[Any]:
            awaitable: Any = acquire(reference(), timeout)
            if not awaitable.done():
                return waited(awaitable)
            free()
            return cast("Awaitable[Any]", awaitable)

        def acquired_asyncios() -> Awaitable[Any]:
            lock: Any = reference()
            if is_contended(lock):
                return waited(acquire(lock))
            free()
            return acquire(lock)

        return acquired_asyncios if hasattr(type(lock), "locked") else acquired_tornados

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Read from the totals what is registered, by kind."""
        for context, app in contexts:
            for kind, count in SessionTotals.of(context).refresh().callbacks.items():
                yield Level("bokeh_session_callbacks", count, (app.label, kind))
