"""Where Panel itself calls what users wrote, rather than param below it.

Loads, periodic callbacks, clicks and edits of a table, scheduled tasks, chats. What the user registered
stays what is registered: it is timed where Panel calls it, never wrapped in its place, for
``add_periodic_callback(f).callback`` is ``f`` and tasks are compared by it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from ..apps import App, Apps
from ..hosts.patches import Hooks, Patches
from .calls import Calls
from .names import name_of


class PanelCallbacks:
    """The hooks into Panel of one exporter."""

    def __init__(self, hook: Hooks, patches: Patches, apps: Apps, calls: Calls, here: Callable[[], App]) -> None:
        self._hook = hook
        self._patches = patches
        self._apps = apps
        self._calls = calls
        self._here = here

    def refresh(self) -> None:
        """Hook into the modules that are imported by now."""
        for module, owner, name, make, parameters in (
            ("panel.io.state", "_state", "onload", self._onload, ("self", "callback")),
            ("panel.io.state", "_state", "execute", self._execute, ("self", "callback")),
            ("panel.io.callbacks", "PeriodicCallback", "_exec_callback", self._exec_callback, ("self",)),
            ("panel.chat.feed", "ChatFeed", "_handle_callback", self._handle_callback, ("self",)),
        ):
            hook = f"panel.{owner.strip('_')}.{name}"
            if module in sys.modules and hook not in self._patches.enabled:
                target = getattr(sys.modules[module], owner, None)
                if target is not None:  # else the module is being imported right now
                    self._hook.replace(target, name, make, *parameters, hook=hook)

    def _of(self, document: Any) -> App:
        app = self._apps.of_document(document) if document is not None else None
        return app if app is not None else self._here()

    def _onload(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def onload(state: Any, callback: Any, *args: Any, **kwargs: Any) -> Any:
            document = state.curdoc
            app = self._apps.of_document(document) if self._patches.on and document is not None else None
            if app is not None:
                callback = self._calls.wrapped(app, "onload", callback, keep=False)
            return original(state, callback, *args, **kwargs)

        return onload

    def _execute(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def execute(state: Any, callback: Any, *args: Any, **kwargs: Any) -> Any:
            label = name_of(callback) if self._patches.on else None
            if label is not None:
                callback = self._calls.inside(self._of(state.curdoc), callback, label)
            return original(state, callback, *args, **kwargs)

        return execute

    def _exec_callback(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def exec_callback(periodic: Any, *args: Any, **kwargs: Any) -> Any:
            if not self._patches.on or not periodic.running:
                return original(periodic, *args, **kwargs)
            function = functools.partial(original, periodic, *args, **kwargs)
            return self._calls.call_as(self._of(periodic._doc), name_of(periodic.callback), function)

        return exec_callback

    def _handle_callback(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def handle_callback(feed: Any, *args: Any, **kwargs: Any) -> Any:
            if not self._patches.on:
                return await original(feed, *args, **kwargs)
            # A plain function runs in a thread of its own, and is not on this one's busy time.
            return await self._calls.call_as(
                self._here(), name_of(feed.callback), functools.partial(original, feed, *args, **kwargs)
            )

        return handle_callback
