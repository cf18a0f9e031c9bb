"""HTTP requests to Bokeh's own servers, by method, route and status; WebSocket upgrades are left out.

tornado tells of each answered request through ``Application.log_request``, hooked at ``BokehTornado``, which
inherits it: the patch adds an entry to that class, no other tornado app of the process is seen, and taking
it out removes the entry. Rejected: the setting ``log_function``. It replaces tornado's access log, so ours
would have to write a copy of it, and the user's own would be lost. The ASGI host logs nothing; there the
host's ``__call__`` is wrapped, and the status read from what it sends. Routes are patterns, never URLs.

A WebSocket that tornado's host refuses is an HTTP answer (403, 400) of its app; one that the ASGI host
refuses never was of type http, and is only in ``bokeh_websocket_rejected_total``.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, ClassVar

from ...catalogue import OTHER
from ..frame import Frame, Observer

Event = dict[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Host = Callable[[Any, Event, Receive, Send], Awaitable[None]]

METRIC = "http_server_request_duration_seconds"

#: RFC 9110 and PATCH; a client may send any word, and OpenTelemetry calls what is no method so.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
OTHER_METHOD = "_OTHER"

#: More than any server answers with: two dozen routes, a few methods and statuses each.
BOUND = 500

AUTOLOAD, METADATA, STATIC, LIVENESS = "/autoload.js", "/metadata", "/static", "/liveness"

#: What follows the path of an app on the ASGI host. A plain request to its WebSocket is one to the app.
PAGE = frozenset({"", "/", "/ws"})
#: Panel's own handlers beside those of its apps.
PANEL_ROUTES = {"_liveness": LIVENESS, "_component_resource": STATIC, "_static_dir": STATIC}


class Requests(Observer):
    """Duration of HTTP requests."""

    name: ClassVar[str] = "requests"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        #: What was asked before, by what is told of it; the state bounds the series, this only saves the way there.
        self._bound: dict[tuple[str, str, int], Callable[[float], None]] = {}
        self._removals = self.state.removals

    def start(self) -> None:
        """Hook into the tornado host."""
        from bokeh.server.tornado import BokehTornado
        from bokeh.server.views.autoload_js_handler import AutoloadJsHandler
        from bokeh.server.views.doc_handler import DocHandler
        from bokeh.server.views.metadata_handler import MetadataHandler
        from bokeh.server.views.ws import WSHandler
        from tornado.web import StaticFileHandler

        self._static, self._pages = StaticFileHandler, (DocHandler, WSHandler)
        self._autoload, self._metadata = AutoloadJsHandler, MetadataHandler
        self.hook.before(BokehTornado, "log_request", self._answered, "self", "handler")

    def refresh(self) -> None:
        """Hook into the ASGI hosts once they are imported."""
        for module, host in ("bokeh.server.asgi", "BokehASGI"), ("panel.io.asgi", "PanelASGI"):
            if module in sys.modules and f"{host}.__call__" not in self.patches.enabled:
                owner = getattr(sys.modules[module], host)
                self.hook.replace(owner, "__call__", self._call, "self", "scope", "receive", "send")

    def _record(self, method: str, route: str, status: int, seconds: float) -> None:
        key = (method, route, status)
        if self._removals != self.state.removals:
            self._bound.clear()
            self._removals = self.state.removals
        observe = self._bound.get(key)
        if observe is None:
            named = method if method in METHODS else OTHER_METHOD
            # An HTTPStatus is an int too, but its text is another.
            observe = self.state.child(METRIC, named, route, f"{int(status):03}").observe
            if named is method and len(self._bound) < BOUND:
                self._bound[key] = observe
        self.state.record(observe, seconds)

    # --- tornado -------------------------------------------------------------------------------

    def _answered(self, server: object, handler: Any) -> None:
        status = handler.get_status()
        if status != 101:
            request = handler.request
            # tornado takes the wall clock, which may be set back; a sum must not fall.
            self._record(request.method, self._route(handler), status, max(0.0, request.request_time()))

    def _route(self, handler: Any) -> str:
        if isinstance(handler, self._static):
            return STATIC  # Bokeh's, Panel's component resources, and folders that the user serves
        if isinstance(handler, self._pages):
            return self.apps.of(handler.application_context).label
        if isinstance(handler, self._autoload):
            return AUTOLOAD
        if isinstance(handler, self._metadata):
            return METADATA
        # Known by its name, so that Panel need not be there.
        return LIVENESS if type(handler).__name__ == "LivenessHandler" else OTHER

    # --- ASGI ----------------------------------------------------------------------------------

    def _call(self, original: Host) -> Host:
        @functools.wraps(original)
        async def wrapper(host: Any, scope: Event, receive: Receive, send: Send) -> None:
            # One host may hand a request on to another, and a subclass to super(): they find our send.
            through = self.state.middleware
            if not self.patches.on or scope["type"] == "lifespan" or isinstance(send, _Send):
                return await original(host, scope, receive, send)
            if scope["type"] != "http":
                if through is None:
                    return await original(host, scope, receive, send)
                return await through(functools.partial(original, host), OTHER, scope, receive, send)
            start, watched, failed = perf_counter(), _Send(send), True
            try:
                if through is None:
                    return await original(host, scope, receive, watched)

                async def call(scope: Event, receive: Receive, send: Send) -> None:
                    watched.send = send  # the middleware's own
                    await original(host, scope, receive, watched)

                return await through(call, self._guarded_route(host, scope), scope, receive, send)
            except BaseException as error:
                # Cancelled, since the client left or the server stops, it is nobody's answer.
                failed = isinstance(error, Exception)
                raise
            finally:
                # Who fails before the answer begins leaves a 500 to the server, and so does who never begins.
                if watched.status is not None or failed:
                    self._ended(host, scope, watched.status or 500, start)

        return wrapper

    def _ended(self, host: Any, scope: Event, status: int, start: float) -> None:
        end = perf_counter()
        try:
            self._record(scope["method"], self._asgi_route(host, scope), status, end - start)
        except Exception as ours:
            self.hook.swallow(ours)
        self.state.overhead[0] += perf_counter() - end

    def _guarded_route(self, host: Any, scope: Event) -> str:
        try:
            return self._asgi_route(host, scope)
        except Exception as ours:
            self.hook.swallow(ours)
            return OTHER

    def _asgi_route(self, host: Any, scope: Event) -> str:
        """Return the route in the order in which the hosts decide on it."""
        route = host._route_path(scope)
        if not route or route == "/favicon.ico":
            return OTHER
        if route.startswith("/static/"):
            return STATIC
        resolved = host._resolve_application(route)
        if resolved is not None:
            context, suffix = resolved
            if suffix in PAGE:
                return self.apps.of(context).label
            if suffix in (AUTOLOAD, METADATA):
                return str(suffix)
            return STATIC if suffix.startswith("/static/") else OTHER
        for pattern, handler in getattr(host, "_extra_routes", ()):  # PanelASGI has them
            if pattern.match(route):
                return PANEL_ROUTES.get(getattr(getattr(handler, "func", handler), "__name__", ""), OTHER)
        return OTHER


class _Send:
    """The server's ``send``, which keeps the status that passes."""

    __slots__ = ("send", "status")

    def __init__(self, send: Send) -> None:
        self.send = send
        self.status: int | None = None

    def __call__(self, event: Event) -> Awaitable[None]:
        if event.get("type") == "http.response.start":
            self.status = event.get("status")
        return self.send(event)
