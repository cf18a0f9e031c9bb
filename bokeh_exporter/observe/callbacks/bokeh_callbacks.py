"""Where the hosts call what users wrote: property changes, events, timers, and param's watchers below.

Bokeh has no seam around a single callback. Property and event callbacks are called by an invoker that
the model hands to its document, so the document is given ours, which calls the same list through
``Calls``. Timers pass ``add_session_callback``. Under Panel those are Panel's own functions; the user's
run inside them, from param's watchers and bound functions, and are timed there.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any, ClassVar

from ... import config as options
from ...state.interactions import current
from ..apps import App
from ..frame import Frame, Observer
from ..sessions.totals import KINDS, mark
from .calls import Calls
from .generators import stepwise
from .names import name_of, timing
from .panel_callbacks import PanelCallbacks


class Callbacks(Observer):
    """Duration by kind; calls, busy time and errors by the user's function."""

    name: ClassVar[str] = "callbacks"
    level: ClassVar[options.Level] = "callback"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.calls = Calls(self.state)
        self._panel = PanelCallbacks(self.hook, self.patches, self.apps, self.calls, self._here)
        frame.running = self.calls.running

    def start(self) -> None:
        """Hook into Bokeh's documents."""
        from bokeh.application import Application
        from bokeh.document.callbacks import DocumentCallbackManager

        hook = self.hook
        hook.before(Application, "on_session_destroyed", self._destroying, "self", "session_context")
        hook.replace(
            DocumentCallbackManager,
            "notify_change",
            self._notify_change,
            "self",
            "model",
            "attr",
            "old",
            "new",
            "hint",
            "setter",
            "callback_invoker",
        )
        hook.replace(
            DocumentCallbackManager, "notify_event", self._notify_event, "self", "model", "event", "callback_invoker"
        )
        hook.replace(
            DocumentCallbackManager, "event_callbacks_for_event_name", self._document_events, "self", "event_name"
        )
        hook.replace(
            DocumentCallbackManager,
            "add_session_callback",
            self._add_session_callback,
            "self",
            "callback_obj",
            "callback",
            "one_shot",
        )

    def refresh(self) -> None:
        """Hook into param and Panel once the app has imported them."""
        parameterized = sys.modules.get("param.parameterized")
        enabled = self.patches.enabled
        if parameterized is not None and "param.Parameters._execute_watcher" not in enabled:
            self.hook.replace(
                parameterized.Parameters,
                "_execute_watcher",
                self._execute_watcher,
                hook="param.Parameters._execute_watcher",
            )
        evaluate = getattr(parameterized, "eval_function_with_deps", None)
        if evaluate is not None and not hasattr(evaluate, "_bokeh_exporter"):
            for name, module in list(sys.modules.items()):
                ours = name.partition(".")[0] in ("param", "panel", "holoviews", "hvplot")
                if ours and vars(module).get("eval_function_with_deps") is evaluate:
                    self.hook.replace(
                        module,
                        "eval_function_with_deps",
                        self._evaluate,
                        "function",
                        hook="param.eval_function_with_deps",
                    )
        self._panel.refresh()

    def _app(self, document: Any) -> App | None:
        return self.apps.of_document(document) if document is not None else None

    def _here(self) -> App:
        """Return the app of the interaction under way."""
        return self.apps.labelled(self.state.interactions.origin(current.get())[0])

    # --- Bokeh ---------------------------------------------------------------------------------

    def _notify_change(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def notify_change(
            manager: Any,
            model: Any,
            attr: str,
            old: Any,
            new: Any,
            hint: Any = None,
            setter: Any = None,
            callback_invoker: Any = None,
        ) -> Any:
            if self.patches.on and callback_invoker is not None and model._callbacks.get(attr):
                app = self._app(manager._document())
                if app is not None and _is_bokehs(callback_invoker):
                    calls = self.calls

                    def callback_invoker() -> None:
                        for callback in model._callbacks.get(attr) or ():
                            if inspect.iscoroutinefunction(callback):
                                callback(attr, old, new)  # nobody awaits it, so it never runs
                            else:
                                calls.call(app, "property", callback, attr, old, new)

            return original(manager, model, attr, old, new, hint, setter, callback_invoker)

        return notify_change

    def _notify_event(self, original: Callable[..., Any]) -> Callable[..., Any]:
        from bokeh.util.callback_manager import _nargs

        def notify_event(manager: Any, model: Any, event: Any, callback_invoker: Any) -> Any:
            if self.patches.on and model._event_callbacks.get(event.event_name):
                app = self._app(manager._document())
                if app is not None and _is_bokehs(callback_invoker):
                    calls = self.calls

                    def callback_invoker() -> None:
                        for callback in model._event_callbacks.get(event.event_name, []):
                            if event.model is not None and model.id == event.model.id:
                                calls.call(app, "event", callback, *([event] if _nargs(callback) else []))

            return original(manager, model, event, callback_invoker)

        return notify_event

    def _document_events(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def event_callbacks_for_event_name(manager: Any, event_name: str) -> Any:
            found = original(manager, event_name)
            if not found or not self.patches.on:
                return found
            app = self._app(manager._document())
            if app is None:
                return found
            return tuple(self._calling(app, callback) for callback in found)

        return event_callbacks_for_event_name

    def _calling(self, app: App, callback: Callable[..., Any]) -> Callable[[Any], Any]:
        return lambda event: self.calls.call(app, "event", callback, event)

    def _add_session_callback(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def add_session_callback(manager: Any, callback_obj: Any, callback: Any, one_shot: bool) -> Any:
            kind = KINDS.get(type(callback_obj).__name__)
            app = self._app(manager._document()) if self.patches.on else None
            if app is not None and kind is not None:
                callback = self.calls.wrapped(app, kind, callback, keep=one_shot)
            result = original(manager, callback_obj, callback, one_shot)
            if app is not None:
                mark(manager._document())
            return result

        return add_session_callback

    def _destroying(self, application: object, session_context: Any) -> None:
        # The hosts take the callbacks out of the document before they call them, so nobody sees these.
        document = session_context._document
        app = self._app(document)
        if app is not None:
            callbacks = document.callbacks._session_destroyed_callbacks
            labelled = [(callback, name_of(callback)) for callback in callbacks]
            document.callbacks._session_destroyed_callbacks = {
                callback if label is None else self.calls.inside(app, callback, label) for callback, label in labelled
            }

    # --- param and Panel -----------------------------------------------------------------------

    def _execute_watcher(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def execute_watcher(parameters: Any, watcher: Any, events: Any) -> Any:
            if not self.patches.on:
                return original(parameters, watcher, events)
            function = watcher.fn
            name = getattr(function, "_watcher_name", None)
            if name is not None:  # @param.depends(watch=True): param's caller of a method
                function = getattr(watcher.cls, name, function)
            label = name_of(function)
            if label is None:
                return original(parameters, watcher, events)
            app = self._here()
            if inspect.iscoroutinefunction(watcher.fn):  # param schedules it: time what it will schedule
                return original(parameters, watcher._replace(fn=self._later(app, watcher.fn, label)), events)
            return self.calls.call_as(app, label, original, parameters, watcher, events)

        return execute_watcher

    def _later(self, app: App, function: Any, label: str) -> Any:
        @timing(function)  # with its marks, which tell Panel whether to take the document lock
        async def later(*args: Any, **kwargs: Any) -> Any:
            return await self.calls.call_as(app, label, function, *args, **kwargs)

        return later

    def _evaluate(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def eval_function_with_deps(function: Any) -> Any:
            label = name_of(function) if self.patches.on else None
            if label is None:
                return original(function)
            app = self._here()
            return stepwise(self.calls, app, label, self.calls.call_as(app, label, original, function))

        eval_function_with_deps.__dict__["_bokeh_exporter"] = True
        return eval_function_with_deps


def _is_bokehs(invoker: Any) -> bool:
    """Whether an invoker is the one that ours replaces: it calls a model's list of callbacks."""
    return getattr(invoker, "__qualname__", "").endswith(
        (".trigger.<locals>.invoke", "._trigger_event.<locals>.invoke")
    )
