"""What users wrote and the hosts call: property changes, events, timers, and param's watchers below.

Property and event callbacks are called one by one, timers are registered changed. Under Panel those are Panel's own
functions; the user's run inside them, from param's watchers and bound functions, and are timed there. The seams are
in ``hosts.bokeh_callbacks`` and ``hosts.param``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ... import config as options
from ...state.interactions import current
from ...state.safe_calls import hashes_by_identity, is_async
from .. import slots
from ..apps import App
from ..frame import Frame, Observer
from ..hosts import bokeh_callbacks
from ..sessions.totals import mark
from .calls import Calls
from .generators import stepwise
from .names import name_of, timing
from .panel_callbacks import PanelCallbacks

#: On the hot path the slot's name saves a call.
_APP = slots.app.name


class CallbackTimes(Observer):
    """Duration by kind; calls, busy time and errors by the user's function."""

    name: ClassVar[str] = "callbacks"
    level: ClassVar[options.CollectLevel] = "callback"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.calls = Calls(self.state)
        self._panel = PanelCallbacks(self.on, self.apps, self.calls, self._here)
        frame.running = self.calls.running

    def start(self) -> None:
        """Subscribe to what the hosts call, Panel among them."""
        self.on.runs("callback_running", self._calling, guards_itself=True)
        self.on.changes("session_callback_added", self._adding)
        self.on.after("session_callback_added", lambda document, kind, once: mark(document))
        self.on.before("session_destroyed_hooks", self._destroying)
        self.on.runs("watcher_calling", self._watching, guards_itself=True)
        self.on.changes("watcher_calling", self._scheduling)
        self.on.runs("bound_function_evaluating", self._evaluating, guards_itself=True)
        self._panel.start()

    def _app(self, document: Any) -> App | None:
        return self.apps.of_document(document) if document is not None else None

    def _here(self) -> App:
        """Return the app of the interaction under way."""
        return self.apps.labelled(self.state.interactions.origin(current.get())[0])

    # --- Bokeh ---------------------------------------------------------------------------------

    def _calling(self, call: Callable[[], Any], document: Any, kind: str, callback: Callable[..., Any]) -> Any:
        try:
            app = getattr(document, _APP, None) or self._app(document)
            # The coroutine of a property's callback is awaited by nobody, so it never runs.
            if app is not None and kind == "property" and is_async(callback) is not False:
                app = None
        except Exception as ours:
            self.on.swallow(ours)
            app = None
        return call() if app is None else self.calls.run(app, kind, callback, call)

    def _adding(self, callback: Any, document: Any, kind: str | None, once: bool) -> Any:
        app = self._app(document)
        if app is None or kind is None:
            return callback
        return self.calls.wrapped(app, kind, callback, keep=once)

    def _destroying(self, context: object, session_id: object, document: Any) -> None:
        app = self._app(document)
        if app is not None:
            found = bokeh_callbacks.destroyed_callbacks(document)
            named = {callback: name_of(callback) for callback in found if hashes_by_identity(callback)}
            users = {callback: label for callback, label in named.items() if label is not None}
            # What has a hash of its own stays where it is: the difference of two sets asks nobody for it again.
            timed = found.difference(users) | {self.calls.inside(app, *user) for user in users.items()}
            bokeh_callbacks.replace_destroyed_callbacks(document, timed)

    # --- param ---------------------------------------------------------------------------------

    def _watching(self, call: Callable[[], Any], function: Any) -> Any:
        try:
            label, app = name_of(function), self._here()
        except Exception as ours:
            self.on.swallow(ours)
            label = None
        return call() if label is None else self.calls.call_as(app, label, call)

    def _scheduling(self, scheduled: Any, function: Any) -> Any:
        label = name_of(function)
        return scheduled if label is None else self._later(self._here(), scheduled, label)

    def _later(self, app: App, function: Any, label: str) -> Any:
        @timing(function)  # with its marks, by which Panel decides whether to take the document lock
        async def later(*args: Any, **kwargs: Any) -> Any:
            return await self.calls.call_as(app, label, function, *args, **kwargs)

        return later

    def _evaluating(self, call: Callable[[], Any], function: Any) -> Any:
        try:
            label, app = name_of(function), self._here()
        except Exception as ours:
            self.on.swallow(ours)
            label = None
        if label is None:
            return call()
        return stepwise(self.calls, app, label, self.calls.call_as(app, label, call))
