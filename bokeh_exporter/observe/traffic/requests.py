"""HTTP requests to Bokeh's own servers, by method, route and status; websocket upgrades are left out.

Routes are patterns, never URLs. A refused websocket is in ``bokeh_websocket_rejected_total`` and is no request: the
ASGI host has none of type http, and tornado's answer of 403 would say that the app's page was refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..frame import Frame, Observer

METRIC = "http_server_request_duration_seconds"

#: RFC 9110 and PATCH; a client may send any word, and OpenTelemetry calls what is no method so.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
OTHER_METHOD = "_OTHER"

#: More than any server answers with: two dozen routes, a few methods and statuses each.
BOUND = 500


class Requests(Observer):
    """Duration of HTTP requests."""

    name: ClassVar[str] = "requests"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        #: Earlier requests by what is reported of them; the state bounds the series, this only saves the way there.
        self._bound: dict[tuple[str, str, int], Callable[[float], None]] = {}
        self._removals = self.state.removals

    def start(self) -> None:
        """Subscribe to answered requests, and carry those of the ASGI host through the middleware that traces them."""
        self.on.before("request_answered", self._answered)
        self.on.runs("asgi_request", self._through)

    def _answered(self, method: str, context: Any, route: str, status: int, seconds: float) -> None:
        route = self._label(context, route)
        key = (method, route, status)
        if self._removals != self.state.removals:
            self._bound.clear()
            self._removals = self.state.removals
        observe = self._bound.get(key)
        if observe is None:
            named = method if method in METHODS else OTHER_METHOD
            # An HTTPStatus is an int too, but its text is another.
            observe = self.state.histogram(METRIC, named, route, f"{int(status):03}").observe
            if named is method and len(self._bound) < BOUND:
                self._bound[key] = observe
        self.state.record(observe, seconds)

    def _label(self, context: Any, route: str) -> str:
        return self.apps.of(context).label if context is not None else route

    async def _through(
        self, call: Callable[..., Any], context: Any, route: str, scope: Any, receive: Any, send: Any
    ) -> None:
        through = self.state.middleware
        if through is None:
            await call(scope, receive, send)
        else:
            await through(call, self._label(context, route), scope, receive, send)
