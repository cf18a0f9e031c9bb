"""The making of sessions: how many, how long, and in which step they fail.

An exception is not enough: a script reports its failure in ``handler.failed`` and the page answers 200, Panel shows
the traceback of a function in the page and keeps the session, and a failing session-created hook is only logged.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, ClassVar

from ...state.interactions import current
from ...state.safe_looks import is_a
from ..apps import App
from ..frame import Frame, Observer
from ..hosts import Leave
from ..hosts.bokeh_server import current_document, script_failed, watch_functions
from ..hosts.bokeh_sessions import context_of


class _Attempt:
    """One creation under way, and the steps that failed in it."""

    __slots__ = ("app", "failed", "start")

    def __init__(self, app: App) -> None:
        self.app = app
        self.failed: set[str] = set()
        self.start = time.monotonic()


class Creations(Observer):
    """Creations attempted, their duration, and their failures by step."""

    name: ClassVar[str] = "creations"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._attempts: dict[tuple[int, str], _Attempt] = {}

    def start(self) -> None:
        """Subscribe to what makes sessions and what runs the app's code."""
        on = self.on
        on.around("session_creating", self._creating)
        on.around("document_building", self._building)
        on.around("session_created_hooks", self._running_hook)
        on.before("script_failing", self._script_failed)
        on.before("panel_script_failed", lambda: self._script_failed(current_document()))

    def refresh(self) -> None:
        """Watch the functions of apps that are new."""
        for context, _ in self.apps.alive():
            watch_functions(context, self.frame.hosts)

    # --- attempts ------------------------------------------------------------------------------

    def _creating(self, context: Any, session_id: str) -> Leave | None:
        key = (id(context), session_id)
        if key in self._attempts:
            return None  # a subclass that calls its parent
        app = self.apps.of(context)
        attempt = self._attempts[key] = _Attempt(app)
        app.counter("bokeh_sessions_created_total").inc()
        build = self.state.interactions.begin(app.label, "build", "init")
        token = current.set(build.number)
        spans = self.state.spans
        span = spans.session(app.label, "create session", session_id) if spans is not None else None

        def leave(result: object, error: BaseException | None) -> None:
            build.seconds = time.monotonic() - attempt.start
            self.state.record(app.histogram("bokeh_session_create_duration_seconds").observe, build.seconds)
            current.reset(token)
            self._attempts.pop(key, None)
            if span is not None:
                span.leave(error)
            if error is not None and not attempt.failed and not isinstance(error, asyncio.CancelledError):
                attempt.failed.add("token")  # neither hook nor script: reading the token's payload
            for step in attempt.failed:
                app.counter("bokeh_session_create_errors_total", step).inc()

        return leave

    def _attempt(self, document: Any) -> _Attempt | None:
        session_context = getattr(document, "session_context", None)
        if session_context is None:
            return None
        return self._attempts.get((id(context_of(document)), session_context.id))

    # --- steps ---------------------------------------------------------------------------------

    def _running_hook(self, context: Any, session_id: str, document: object) -> Leave:
        def leave(result: object, error: BaseException | None) -> None:
            attempt = self._attempts.get((id(context), session_id))
            if is_a(error, Exception) and attempt is not None:
                attempt.failed.add("hook")

        return leave

    def _building(self, document: Any, application: Any) -> Leave:
        spans, attempt = self.state.spans, self._attempt(document)
        span = spans.session(attempt.app.label, "build document", None) if spans is not None and attempt else None

        def leave(result: object, error: BaseException | None) -> None:
            if span is not None:
                span.leave(error)
            if is_a(error, Exception) or script_failed(application):
                self._script_failed(document)

        return leave

    def _script_failed(self, document: Any) -> None:
        attempt = self._attempt(document)
        if attempt is not None:
            attempt.failed.add("script")
