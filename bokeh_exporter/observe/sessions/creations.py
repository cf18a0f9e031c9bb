"""The making of sessions: how many, how long, and in which step they fail.

Seen at ``ApplicationContext``: ``create_session_if_needed`` up to Bokeh 3.9 and in bokeh-django,
``_create_session`` (one task per creation) from 3.10 on. An exception there is not enough: a script
reports its failure in ``handler.failed`` and the page answers 200, Panel shows the traceback of a
function in the page and keeps the session, and a failing session-created hook is only logged.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar

from ...state.interactions import current
from ..apps import KEY, App
from ..frame import Frame, Observer
from ..hosts.patches import Leave


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
        self._hooked: set[object] = set()

    def start(self) -> None:
        """Hook into what makes sessions and what runs the app's code."""
        from bokeh.application import Application
        from bokeh.server.contexts import ApplicationContext

        hook = self.hook
        if hasattr(ApplicationContext, "_create_session"):
            hook.around(ApplicationContext, "_create_session", self._creating, "self", "session_id")
        else:
            hook.around(ApplicationContext, "create_session_if_needed", self._creating_if_needed, "self", "session_id")
        hook.around(Application, "initialize_document", self._initializing, "self", "doc")
        hook.around(Application, "on_session_created", self._running_hook, "self", "session_context")

    def refresh(self) -> None:
        """Hook into what Panel and other hosts do in their own way."""
        from bokeh.server.contexts import ApplicationContext

        for context, _ in self.apps.alive():
            self._watch_functions(context)
            kind = type(context)
            if kind is not ApplicationContext and kind not in self._hooked:
                self._hooked.add(kind)
                if "create_session_if_needed" in vars(kind):  # bokeh-django has its own
                    self.hook.around(kind, "create_session_if_needed", self._creating_if_needed, "self", "session_id")
        handlers = sys.modules.get("panel.io.handlers")
        if handlers is not None and handlers not in self._hooked:
            self._hooked.add(handlers)
            self.hook.before(handlers, "autoreload_handle_exception", self._failed_in_panel, "handler", "module", "e")
            application = sys.modules["panel.io.application"].Application
            self.hook.around(
                application,
                "on_session_created",
                self._running_hook,
                "self",
                "session_context",
                hook="panel.Application.on_session_created",
            )

    # --- attempts ------------------------------------------------------------------------------

    def _creating_if_needed(self, context: Any, session_id: str, *rest: object, **named: object) -> Leave | None:
        if not session_id or session_id in context._sessions or session_id in context._pending_sessions:
            return None
        return self._creating(context, session_id)

    def _creating(self, context: Any, session_id: str, *rest: object, **named: object) -> Leave | None:
        key = (id(context), session_id)
        if key in self._attempts:
            return None  # a subclass that calls its parent
        app = self.apps.of(context)
        attempt = self._attempts[key] = _Attempt(app)
        app.child("bokeh_sessions_created_total").inc()
        build = self.state.interactions.begin(app.label, "build", "init")
        token = current.set(build.number)
        spans = self.state.spans
        span = spans.session(app.label, "create session", session_id) if spans is not None else None

        def leave(result: object, error: BaseException | None) -> None:
            build.seconds = time.monotonic() - attempt.start
            self.state.record(app.child("bokeh_session_create_duration_seconds").observe, build.seconds)
            current.reset(token)
            self._attempts.pop(key, None)
            if span is not None:
                span.leave(error)
            if error is not None and not attempt.failed and not isinstance(error, asyncio.CancelledError):
                attempt.failed.add("token")  # neither hook nor script: reading the token's payload
            for step in attempt.failed:
                app.child("bokeh_session_create_errors_total", step).inc()

        return leave

    def _attempt(self, session_context: Any) -> _Attempt | None:
        if session_context is None:
            return None
        server_context = getattr(session_context, "server_context", None)
        context = getattr(server_context, "application_context", None)
        return self._attempts.get((id(context), session_context.id)) if context is not None else None

    def _fail(self, document: Any, step: str) -> None:
        attempt = self._attempt(getattr(document, "session_context", None))
        if attempt is not None:
            attempt.failed.add(step)

    # --- steps ---------------------------------------------------------------------------------

    def _running_hook(self, application: object, session_context: Any) -> Leave:
        def leave(result: object, error: BaseException | None) -> None:
            if isinstance(error, Exception):
                attempt = self._attempt(session_context)
                if attempt is not None:
                    attempt.failed.add("hook")

        return leave

    def _initializing(self, application: Any, doc: Any) -> Leave:
        spans, attempt = self.state.spans, self._attempt(getattr(doc, "session_context", None))
        span = spans.session(attempt.app.label, "build document", None) if spans is not None and attempt else None

        def leave(result: object, error: BaseException | None) -> None:
            if span is not None:
                span.leave(error)
            # A function handler's flag is never reset, so functions are watched by themselves.
            if isinstance(error, Exception) or any(
                handler.failed for handler in application._handlers if not hasattr(handler, "_func")
            ):
                self._fail(doc, "script")

        return leave

    def _failed_in_panel(self, handler: object, module: object, e: object) -> None:
        from bokeh.io import curdoc

        self._fail(curdoc(), "script")

    def _watch_functions(self, context: Any) -> None:
        for handler in context._application._handlers:
            function = vars(handler).get("_func")
            if callable(function) and not hasattr(function, KEY):
                self.hook.replace(handler, "_func", self._watched, hook="FunctionHandler._func")

    def _watched(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap an app function, which Panel calls in a try of its own, so that its failure is seen."""

        def failed(document: Any) -> None:
            try:
                if self.patches.on:
                    self._fail(document, "script")
            except Exception as ours:
                self.hook.swallow(ours)

        @functools.wraps(original)
        def watched(doc: Any) -> Any:
            try:
                return original(doc)
            except Exception:
                failed(doc)
                raise

        @functools.wraps(original)
        async def watched_async(doc: Any) -> Any:
            try:
                return await original(doc)
            except Exception:
                failed(doc)
                raise

        wrapper: Callable[..., Any] = watched_async if inspect.iscoroutinefunction(original) else watched
        wrapper.__dict__[KEY] = True
        return wrapper
