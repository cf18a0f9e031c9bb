"""Where Panel itself calls what users wrote, rather than param below it.

Loads, periodic callbacks, clicks and edits of a table, scheduled tasks, chats. The seams are in ``hosts.panel``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..apps import App, Apps
from ..hosts import Subscriptions, panel
from .calls import Calls
from .names import name_of


class PanelCallbacks:
    """Panel's part of the observer of callbacks."""

    def __init__(self, on: Subscriptions, apps: Apps, calls: Calls, here: Callable[[], App]) -> None:
        self._on = on
        self._apps = apps
        self._calls = calls
        self._here = here

    def start(self) -> None:
        """Subscribe to what Panel calls."""
        self._on.changes("onload_adding", self._loading)
        self._on.changes("task_executing", self._executing)
        self._on.runs("periodic_calling", self._calling)
        self._on.runs("chat_answering", self._answering)

    def _of(self, document: Any) -> App:
        app = self._apps.of_document(document) if document is not None else None
        return app if app is not None else self._here()

    def _loading(self, callback: Any) -> Any:
        document = panel.current_document()
        app = self._apps.of_document(document) if document is not None else None
        return callback if app is None else self._calls.wrapped(app, "onload", callback, keep=False)

    def _executing(self, callback: Any) -> Any:
        label = name_of(callback)
        if label is None:
            return callback
        return self._calls.inside(self._of(panel.current_document()), callback, label)

    def _calling(self, call: Callable[[], Any], document: Any, callback: Any) -> Any:
        return self._calls.call_as(self._of(document), name_of(callback), call)

    def _answering(self, call: Callable[[], Any], callback: Any) -> Any:
        # A plain function runs in a thread of its own, and is not on this one's busy time.
        return self._calls.call_as(self._here(), name_of(callback), call)
