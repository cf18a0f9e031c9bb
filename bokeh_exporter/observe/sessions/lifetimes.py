"""Sessions: which there are, how they come, how long they stay, how they go.

Counted at ``ServerSession`` itself: its constructor, ``subscribe`` and ``destroy`` run exactly once
where a session is made, visited and destroyed, on every host. Bokeh's session-destroyed hooks were
rejected: they run many times for a zombie, never for bokeh-django, and stop at the first handler
that raises. What we know of a session is a record of plain numbers in the session's own
attributes: it dies with the session, holds nothing of the host, and costs 60 ns to find. The sums
over the sessions are the ``roll``.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from ...state import Level
from ...state.notices import CREATED, DESTROYED
from ...state.spans import pseudonym
from ..apps import KEY, App, context_of
from ..frame import Frame, Observer
from ..hosts.patches import Leave
from .totals import ROLL, SESSION, Record, Roll

#: Seconds within which the browser that has got a page opens its WebSocket; who has not by then is a probe.
LOADING = 15.0


def record_of(session: Any) -> Record | None:
    """Return the record of a session, if a server of ours made it."""
    record: Record | None = getattr(session, KEY, None)
    return record


class Sessions(Observer):
    """Group Sessions of the catalogue but the creation, which is ``creations``, and the sweep."""

    name: ClassVar[str] = "sessions"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._stopping: set[int] = set()

    def start(self) -> None:
        """Hook into ``ServerSession`` and adopt the sessions that exist."""
        from bokeh.server.contexts import ApplicationContext
        from bokeh.server.session import ServerSession

        hook = self.hook
        hook.after(ServerSession, "__init__", self._opened, "self", "session_id", "document")
        hook.after(ServerSession, "subscribe", self._subscribed, "self", "connection")
        hook.after(ServerSession, "unsubscribe", self._unsubscribed, "self", "connection")
        hook.around(ServerSession, "destroy", self._destroying, "self")
        hook.replace(ServerSession, "block_expiration", self._blocking, "self")
        hook.around(ApplicationContext, "_discard_session", self._discarding, "self", "session", "should_discard")
        hook.around(ApplicationContext, "_shutdown_sessions", self._shutting_down, "self", optional=True)
        for context, app in self.apps.alive():
            self.adopt(context, app)

    def adopt(self, context: Any, app: App) -> None:
        """Take over the sessions that were opened before the exporter was installed."""
        for session in list(context._sessions.values()):
            if record_of(session) is None and not session.destroyed:
                record = self._take(session, context, app, None, bool(session._subscribed_connections))
                if session._expiration_blocked_count:
                    record.roll.suspect(record)

    def stop(self) -> None:
        """Take our records off the sessions that are alive."""
        for context, _ in self.apps.alive():
            roll = context.__dict__.pop(ROLL, None)
            if roll is not None:
                roll.clear()
            for session in list(context._sessions.values()):
                session.__dict__.pop(KEY, None)
                session.__dict__.get("_document", session).__dict__.pop(SESSION, None)

    def _take(self, session: Any, context: Any, app: App, created: float | None, connected: bool) -> Record:
        roll = Roll.of(context)
        record = Record(app, roll, session, created, connected)
        setattr(session, KEY, record)
        setattr(session._document, SESSION, record)
        roll.add(record)
        return record

    # --- events --------------------------------------------------------------------------------

    def _opened(self, session: Any, session_id: object, document: Any, *rest: object, **named: object) -> None:
        context = context_of(document)
        if context is None:
            return  # a stub that Panel warms an app with, or a test's own
        record = self._take(session, context, self.apps.of(context), time.monotonic(), False)
        if self.state.spans is not None:
            record.creation = self.state.spans.mark()
        self._tell(CREATED, session, record)

    def _subscribed(self, session: Any, connection: object) -> None:
        record = record_of(session)
        if record is not None:
            record.connected = True
            record.mark()

    def _unsubscribed(self, session: Any, connection: object) -> None:
        record = record_of(session)
        if record is not None:
            record.mark()

    def _blocking(self, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
        patches, swallow = self.patches, self.hook.swallow

        @functools.wraps(original)
        def block_expiration(session: Any) -> Any:
            # Only the step from free to blocked starts the clock; who blocks a blocked session does not restart it.
            if patches.on and not session._expiration_blocked_count:
                try:
                    record = getattr(session, KEY, None)
                    if record is not None:
                        record.roll.suspect(record)
                except Exception as ours:
                    swallow(ours)
            return original(session)

        return block_expiration

    def _discarding(self, context: object, session: Any, should_discard: object) -> Leave | None:
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
        record.roll.remove(record)
        app, start = record.app, time.monotonic()
        spans = self.state.spans
        span = spans.session(app.label, "destroy session", session.id) if spans is not None else None
        reason = self._reason(session, record)
        app.child("bokeh_sessions_destroyed_total", reason).inc()
        self._tell(DESTROYED, session, record, reason=reason)
        if record.connected:
            app.child("bokeh_session_linger_duration_seconds").observe(start - session._last_unsubscribe_time / 1000)
        else:
            app.child("bokeh_sessions_never_connected_total").inc()
        if record.created is not None:
            app.child("bokeh_session_duration_seconds").observe(start - record.created)

        def leave(result: object, error: BaseException | None) -> None:
            app.child("bokeh_session_destroy_duration_seconds").observe(time.monotonic() - start)
            if span is not None:
                span.leave(error)

        return leave

    def _tell(self, event: str, session: Any, record: Record, **more: str) -> None:
        if self.state.story.on:
            attributes: dict[str, str | float] = {f"bokeh.session.{name}": value for name, value in more.items()}
            if event == DESTROYED and record.created is not None:
                attributes["bokeh.session.duration"] = time.monotonic() - record.created
            who = {"bokeh.app": record.app.label, "bokeh.session.hash": pseudonym(session.id)}
            self.state.story.tell(event, who | attributes)

    def _reason(self, session: Any, record: Record) -> str:
        if session.expiration_requested:
            return "requested"
        if not record.discarding:
            return "requested"  # bokeh-django destroys when the browser disconnects, and sweeps nothing
        context = context_of(getattr(session, "_document", None))
        return "shutdown" if context is not None and id(context) in self._stopping else "expired"

    def visitors(self, now: float) -> int:
        """Count the sessions that have a browser, or wait for the one that asked for the page. From any thread."""
        count = 0
        for context, _ in self.apps.alive():
            count += len(context._pending_sessions)
            for session in list(context._sessions.values()):
                record = record_of(session)
                if record is None or record.destroyed:
                    continue
                loading = not record.connected and record.created is not None and now - record.created < LOADING
                count += bool(session._subscribed_connections) or loading
        return count

    # --- levels --------------------------------------------------------------------------------

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Count sessions by state, without a look at those that have not changed."""
        for context, app in contexts:
            roll = Roll.of(context).refresh()
            blocked, blocked_since = roll.blocked(now)
            unused = len(roll) - roll.connected - blocked
            unused_since = roll.unused_since
            # Zombies are off the roll; one that is being made is on it, and not yet among the sessions.
            zombies = max(0, len(context._sessions) - len(roll))
            label = app.label
            yield Level("bokeh_sessions", roll.connected, (label, "connected"))
            yield Level("bokeh_sessions", unused, (label, "unused"))
            yield Level("bokeh_sessions", blocked, (label, "blocked"))
            yield Level("bokeh_sessions_undiscarded", zombies, (label,))
            yield Level("bokeh_sessions", len(context._pending_sessions), (label, "pending"))
            yield Level("bokeh_session_unused_age_max_seconds", now - (unused_since or now), (label,))
            yield Level("bokeh_session_expiration_blocked_age_max_seconds", now - blocked_since, (label,))
