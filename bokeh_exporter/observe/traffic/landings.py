"""Websockets that land on a process which does not know their session, and so make a second one.

A page makes its session, and its websocket finds it. Where a load balancer sends the websocket to another process, or
the browser comes back when its session is gone, the websocket makes a new one: what the user had done is lost, and the
session that the page made waits for nobody. A program that uses ``bokeh.client`` has no page at all: its websocket
makes the session, and a page may join it later or never.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, ClassVar

from ..frame import Frame, Observer
from ..hosts import Leave
from ..hosts.asgi import is_of_client

#: Destroyed sessions that are remembered, each by a number that says nothing of its id.
_REMEMBERED = 10_000

#: Whether what runs is the opening of a websocket.
_landing: ContextVar[bool] = ContextVar("bokeh_exporter_landing", default=False)
#: Whether a program opens it, without a page.
_by_client: ContextVar[bool] = ContextVar("bokeh_exporter_by_client", default=False)


def opened_by_client() -> bool:
    """Whether what runs is the opening of a websocket by a program that has no page."""
    return _by_client.get()


class Landings(Observer):
    """Sessions made by websockets, and why."""

    name: ClassVar[str] = "landings"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._destroyed: OrderedDict[int, None] = OrderedDict()

    def start(self) -> None:
        """Subscribe to websockets that open and to sessions that come and go."""
        on = self.on
        on.around("websocket_landing", self._opening)
        on.changes("asgi_websocket", self._opening_asgi)
        on.before("session_creating", self._creating)
        on.before("session_destroying", self._destroying)

    def _opening(self, context: Any, by_client: bool) -> Leave:
        landing, client = _landing.set(True), _by_client.set(by_client)

        def leave(result: object, error: BaseException | None) -> None:
            _landing.reset(landing)
            _by_client.reset(client)

        return leave

    def _opening_asgi(self, saw: Callable[..., None] | None, host: Any, scope: Any) -> Callable[..., None] | None:
        _landing.set(True)  # the task is the websocket's own, and ends with it
        _by_client.set(is_of_client(scope))
        return saw

    def _creating(self, context: Any, session_id: str) -> None:
        app = self.apps.visit(context)  # before anything is counted of it: this is the outermost that hears of it
        if not _landing.get():
            return
        _landing.set(False)  # what the app sets off from here on is its own
        why = "expired" if self._destroyed.pop(hash(session_id), self) is None else "unknown"
        app.counter("bokeh_sessions_created_by_websocket_total", why).inc()
        if _by_client.get():
            app.counter("bokeh_sessions_created_by_client_total").inc()

    def _destroying(self, session: Any) -> None:
        self._destroyed[hash(session.id)] = None
        while len(self._destroyed) > _REMEMBERED:
            self._destroyed.popitem(last=False)
