"""The document lock: how long callbacks wait for it and hold it, and what waits in documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any, ClassVar

from ... import config as options
from ...state import Level
from ...state.interactions import current
from .. import slots
from ..apps import App
from ..frame import Frame, Observer
from ..hosts import document_locks
from ..hosts.bokeh_sessions import sessions_of
from ..sessions.totals import SessionTotals, mark


class DocumentLocks(Observer):
    """Waits for and holds of the document lock; callbacks registered in live sessions."""

    name: ClassVar[str] = "locks"
    level: ClassVar[options.CollectLevel] = "callback"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        #: The locks that are held now, by the ``id`` of each.
        self.holds: dict[int, document_locks.Hold] = {}

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
                document_locks.unwatch(session)
        self.holds.clear()

    def _opened(self, session: Any, document: object, context: Any) -> None:
        if context is not None:
            self._watch(session, self.apps.of(context))

    def _watch(self, session: Any, app: App) -> None:
        row, queue = "bokeh_document_lock_wait_seconds", self.state.queue
        observe = app.histogram(row).observe
        observe_held, elements = app.histogram("bokeh_document_lock_held_seconds").observe, self.state.elements

        def waited(begin: float, end: float) -> None:
            number = current.get()
            queue.append((observe, end - begin, number))
            if elements.on:
                elements.went_on(number, "lock", "wait for the document lock", begin, end)

        known = slots.record.get(session)

        def held(seconds: float) -> None:
            if known is not None:
                known.busy += seconds
                known.active = monotonic()
            queue.append((observe_held, seconds, current.get()))

        hold = document_locks.Hold(app.label, self.holds)
        document_locks.watch(session, hold, waited, app.zeros(row), held)

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Read from the totals what is registered, by kind."""
        for context, app in contexts:
            for kind, count in SessionTotals.of(context).refresh().callbacks.items():
                yield Level("bokeh_session_callbacks", count, (app.label, kind))
