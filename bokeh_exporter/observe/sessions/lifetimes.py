"""Sessions: which there are, how they come, how long they stay, how they go.

What we know of a session is a record of plain numbers in the session's own attributes: it dies with the
session, holds nothing of the host, and costs 60 ns to find. The sums over the sessions are in ``totals``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from ...state import Level
from ...state.notices import CREATED, DESTROYED
from ...state.spans import pseudonym
from .. import slots
from ..apps import App
from ..frame import Frame, Observer
from ..hosts import Leave
from ..hosts.bokeh_sessions import (
    blocked_count,
    connection_count,
    context_of,
    document_of,
    left_at,
    pending_count,
    session_count,
    sessions_of,
)
from ..traffic.landings import opened_by_client
from .totals import TURN, SessionRecord, SessionTotals

#: Seconds within which the browser that has got a page opens its WebSocket; who has not by then is a probe.
LOADING = 15.0
#: On the hot path the slot's name saves a call.
_RECORD = slots.record.name


def record_of(session: Any) -> SessionRecord | None:
    """Return the record of a session, if a server of ours made it."""
    return slots.record.get(session)


class Sessions(Observer):
    """Group Sessions of the catalogue but the creation, which is ``creations``, and the sweep."""

    name: ClassVar[str] = "sessions"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._stopping: set[int] = set()

    def start(self) -> None:
        """Subscribe to what happens to sessions, and adopt those that exist."""
        on = self.on
        on.after("session_made", self._opened)
        on.after("session_connected", self._subscribed)
        on.after("session_disconnected", self._unsubscribed)
        on.around("session_destroying", self._destroying)
        on.before("expiration_blocked", self._blocking)
        on.around("session_discarding", self._discarding)
        on.around("sessions_shutting_down", self._shutting_down)
        for context, app in self.apps.alive():
            self.adopt(context, app)

    def adopt(self, context: Any, app: App) -> None:
        """Take over the sessions that were opened before the exporter was installed."""
        for session in sessions_of(context):
            if record_of(session) is None and not session.destroyed:
                record = self._take(session, context, app, None, bool(connection_count(session)))
                if blocked_count(session):
                    record.totals.suspect(record)

    def stop(self) -> None:
        """Take our records off the sessions that are alive."""
        for context, _ in self.apps.alive():
            totals = slots.totals.take(context)
            if totals is not None:
                totals.clear()
            for session in sessions_of(context):
                slots.record.take(session)
                slots.record.take(document_of(session))

    def _take(self, session: Any, context: Any, app: App, created: float | None, connected: bool) -> SessionRecord:
        totals = SessionTotals.of(context)
        record = SessionRecord(app, totals, session, created, connected)
        slots.record.put(session, record)
        slots.record.put(document_of(session), record)
        totals.add(record)
        return record

    # --- events --------------------------------------------------------------------------------

    def _opened(self, session: Any, document: Any, context: Any) -> None:
        if context is None:
            return  # a stub that Panel warms an app with, or a test's own
        record = self._take(session, context, self.apps.of(context), time.monotonic(), False)
        record.without_page = opened_by_client()
        if self.state.spans is not None:
            record.creation = self.state.spans.mark()
        self._emit(CREATED, session, record)

    def _subscribed(self, session: Any) -> None:
        record = record_of(session)
        if record is not None:
            record.connected = True
            record.without_page = record.without_page and opened_by_client()
            record.mark()

    def _unsubscribed(self, session: Any) -> None:
        record = record_of(session)
        if record is not None:
            record.mark()

    def _blocking(self, session: Any) -> None:
        record = getattr(session, _RECORD, None)
        if record is not None:
            record.totals.suspect(record)

    def _discarding(self, session: Any) -> Leave | None:
        record = record_of(session)
        if record is None:
            return None
        record.discarding = True

        def leave(result: object, error: BaseException | None) -> None:
            record.discarding = False

        return leave

    def _shutting_down(self, context: Any) -> Leave:
        self._stopping.add(id(context))

        def leave(result: object, error: BaseException | None) -> None:
            self._stopping.discard(id(context))

        return leave

    def _destroying(self, session: Any) -> Leave | None:
        record = record_of(session)
        if record is None or record.destroyed:
            return None  # a zombie is destroyed once, however often the sweep comes back to it
        record.totals.remove(record)
        app, start = record.app, time.monotonic()
        spans = self.state.spans
        span = spans.session(app.label, "destroy session", session.id) if spans is not None else None
        reason = self._reason(session, record)
        app.counter("bokeh_sessions_destroyed_total", reason).inc()
        self._emit(DESTROYED, session, record, reason=reason)
        if record.connected:
            app.histogram("bokeh_session_linger_duration_seconds").observe(start - left_at(session))
        else:
            app.counter("bokeh_sessions_never_connected_total").inc()
        if record.created is not None:
            app.histogram("bokeh_session_duration_seconds").observe(start - record.created)

        def leave(result: object, error: BaseException | None) -> None:
            app.histogram("bokeh_session_destroy_duration_seconds").observe(time.monotonic() - start)
            if span is not None:
                span.leave(error)

        return leave

    def _emit(self, event: str, session: Any, record: SessionRecord, **more: str) -> None:
        if self.state.notices.on:
            attributes: dict[str, str | float] = {f"bokeh.session.{name}": value for name, value in more.items()}
            if event == DESTROYED and record.created is not None:
                attributes["bokeh.session.duration"] = time.monotonic() - record.created
            who = {"bokeh.app": record.app.label, "bokeh.session.hash": pseudonym(session.id)}
            self.state.notices.emit(event, who | attributes)

    def _reason(self, session: Any, record: SessionRecord) -> str:
        if session.expiration_requested:
            return "requested"
        if not record.discarding:
            return "requested"  # bokeh-django destroys when the browser disconnects, and sweeps nothing
        context = context_of(document_of(session))
        return "shutdown" if context is not None and id(context) in self._stopping else "expired"

    def visitors(self, now: float) -> int:
        """Count the sessions that have a browser, or wait for the one that asked for the page. From any thread."""
        count = 0
        for context, _ in self.apps.alive():
            count += pending_count(context)
            for session in sessions_of(context):
                record = record_of(session)
                if record is None or record.destroyed:
                    continue
                loading = not record.connected and record.created is not None and now - record.created < LOADING
                count += bool(connection_count(session)) or loading
        return count

    # --- levels --------------------------------------------------------------------------------

    def behind(self, contexts: Sequence[tuple[Any, App]]) -> bool:
        """Read some of the sessions that have changed."""
        left = TURN
        for context, _ in contexts:
            left -= SessionTotals.of(context).read(left)
            if not left:
                return True
        return False

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Count sessions by state, without a look at those that have not changed."""
        for context, app in contexts:
            totals = SessionTotals.of(context).refresh()
            blocked, blocked_since = totals.blocked(now)
            unused = len(totals) - totals.connected - blocked
            unused_since = totals.unused_since
            # Zombies are not in the totals; one that is being made is, and not yet among the sessions.
            zombies = max(0, session_count(context) - len(totals))
            label = app.label
            yield Level("bokeh_sessions", totals.connected, (label, "connected"))
            yield Level("bokeh_sessions", unused, (label, "unused"))
            yield Level("bokeh_sessions", blocked, (label, "blocked"))
            yield Level("bokeh_sessions_undiscarded", zombies, (label,))
            yield Level("bokeh_sessions_without_page", totals.without_page, (label,))
            yield Level("bokeh_sessions", pending_count(context), (label, "pending"))
            yield Level("bokeh_session_unused_age_max_seconds", now - (unused_since or now), (label,))
            yield Level("bokeh_session_expiration_blocked_age_max_seconds", now - blocked_since, (label,))
