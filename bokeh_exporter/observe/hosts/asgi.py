"""Bokeh's and Panel's ASGI hosts, ``BokehASGI`` and ``PanelASGI`` (Bokeh 3.10, Panel 1.10, and newer).

``__call__`` gives HTTP requests: the host logs nothing, so the status is read from what it sends. ``_websocket`` is
handed ``receive`` and ``send``; it is given ours, which say what passes. Why a websocket was refused is worked out
from the same data that the host decided on, because its reason text does not reach every server.

uvicorn is what serves them most: its start, SIGTERM, and its end.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from . import tornado
from .bokeh_server import terminating
from .seams import Attribute, Seam
from .tornado import AUTOLOAD, LIVENESS, METADATA, NO_ROUTE, STATIC

if TYPE_CHECKING:
    from . import Hosts

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Message, Receive, Send], Awaitable[None]]

_HOST, _UVICORN = "bokeh.server.asgi:BokehASGI", "uvicorn.server:Server"
#: What follows the path of an app. A plain request to its websocket is one to the app.
_PAGE = frozenset({"", "/", "/ws"})
#: Panel's own handlers beside those of its apps.
_PANEL_ROUTES = {"_liveness": LIVENESS, "_component_resource": STATIC, "_static_dir": STATIC}


class _WatchedSend:
    """The server's ``send``, which keeps the status that passes."""

    __slots__ = ("send", "status")

    def __init__(self, send: Send) -> None:
        self.send = send
        self.status: int | None = None

    def __call__(self, event: Message) -> Awaitable[None]:
        if event.get("type") == "http.response.start":
            self.status = event.get("status")
        return self.send(event)


def _calling(original: App, hosts: Hosts) -> App:
    """Say ``request_answered``, and let runners of ``http_answering`` and ``asgi_request`` carry the call."""
    patches, answered = hosts.patches, hosts.event("request_answered")
    runs = hosts.event("loop_runs")
    memory, middleware = hosts.event("http_answering").runner(), hosts.event("asgi_request").runner()

    async def answer(host: Any, scope: Message, receive: Receive, send: Send) -> None:
        call = functools.partial(original, host, scope, receive, send)
        if memory is None or scope["type"] != "http":
            await call()
        else:
            await memory(call, _guarded_route(hosts, host, scope)[0])

    async def carried(host: Any, scope: Message, receive: Receive, send: Send, watched: Send) -> None:
        """Hand the request to the middleware of somebody who traces requests, if there is one."""
        if middleware is None:
            await answer(host, scope, receive, watched)
            return

        async def call(scope: Message, receive: Receive, send: Send) -> None:
            if isinstance(watched, _WatchedSend):
                watched.send = send  # the middleware's own
                send = watched
            await answer(host, scope, receive, send)

        context, route = _guarded_route(hosts, host, scope) if scope["type"] == "http" else (None, NO_ROUTE)
        await middleware(call, context, route, scope, receive, send)

    @functools.wraps(original)
    async def wrapper(host: Any, scope: Message, receive: Receive, send: Send) -> None:
        # One host may hand a request on to another, and a subclass to super(): they find our send.
        if patches.on and scope["type"] == "lifespan":
            runs.say(host)  # whatever serves it: the loop is its
        if not patches.on or scope["type"] == "lifespan" or isinstance(send, _WatchedSend):
            return await original(host, scope, receive, send)
        if scope["type"] != "http":
            return await carried(host, scope, receive, send, send)
        start, watched, failed = perf_counter(), _WatchedSend(send), True
        try:
            return await carried(host, scope, receive, send, watched)
        except BaseException as error:
            # Cancelled, since the client left or the server stops, it is nobody's answer.
            failed = isinstance(error, Exception)
            raise
        finally:
            # Who fails before the answer begins leaves a 500 to the server, and so does who never begins.
            if watched.status is not None or failed:
                seconds = perf_counter() - start
                answered.say(scope["method"], *_guarded_route(hosts, host, scope), watched.status or 500, seconds)

    return wrapper


def _guarded_route(hosts: Hosts, host: Any, scope: Message) -> tuple[Any, str]:
    try:
        return route_of(host, scope)
    except Exception as error:
        hosts.swallow(error)
        return None, NO_ROUTE


def route_of(host: Any, scope: Message) -> tuple[Any, str]:
    """Return the context of a request and an empty route, or None and its route, as the hosts decide on it."""
    route = host._route_path(scope)
    if not route or route == "/favicon.ico":
        return None, NO_ROUTE
    if route.startswith("/static/"):
        return None, STATIC
    resolved = host._resolve_application(route)
    if resolved is not None:
        context, suffix = resolved
        if suffix in _PAGE:
            return context, ""
        if suffix in (AUTOLOAD, METADATA):
            return None, str(suffix)
        return None, STATIC if suffix.startswith("/static/") else NO_ROUTE
    for pattern, handler in getattr(host, "_extra_routes", ()):  # PanelASGI has them
        if pattern.match(route):
            name = getattr(getattr(handler, "func", handler), "__name__", "")
            return None, _PANEL_ROUTES.get(name, NO_ROUTE)
    return None, NO_ROUTE


def _websocket(original: Callable[..., Awaitable[None]], hosts: Hosts) -> Callable[..., Awaitable[None]]:
    patches, event = hosts.patches, hosts.event("asgi_websocket")

    @functools.wraps(original)
    async def wrapper(host: Any, scope: Message, receive: Receive, send: Send) -> None:
        saw: Any = event.change(None, host, scope) if patches.on else None
        if saw is None:
            return await original(host, scope, receive, send)

        def seen(message: Message) -> None:
            try:
                saw(message)
            except Exception as error:
                hosts.swallow(error)

        async def counting_receive() -> Message:
            message = await receive()
            seen(message)
            return message

        async def counting_send(message: Message) -> None:
            seen(message)
            await send(message)

        try:
            return await original(host, scope, counting_receive, counting_send)
        finally:
            seen({"type": "bokeh_exporter.end"})

    return wrapper


def _nothing(*args: object, **kwargs: object) -> tuple[()]:
    return ()


SEAMS = (
    Seam(
        f"{_HOST}.__call__", "request_answered", ("self", "scope", "receive", "send"), "HTTP requests, their memory",
        wrap=_calling, also=("http_answering", "asgi_request"), since="3.10",
    ),
    Seam(
        "panel.io.asgi:PanelASGI.__call__", "request_answered", ("self", "scope", "receive", "send"),
        "HTTP requests, their memory", wrap=_calling, also=("http_answering", "asgi_request"), since="1.10",
    ),
    Seam(
        f"{_HOST}._websocket", "asgi_websocket", ("self", "scope", "receive", "send"),
        "close codes, refusals and bytes of websockets", wrap=_websocket, since="3.10",
    ),
    Seam(
        f"{_UVICORN}.startup", "loop_runs", ("self",), "the endpoint and the samples until the first session opens",
        facts=_nothing, hook="uvicorn.Server.startup",
    ),
    Seam(
        f"{_UVICORN}.handle_exit", "terminating", ("self", "sig"), "drain on SIGTERM under uvicorn", wrap=terminating,
        hook="uvicorn.Server.handle_exit",
    ),
    Seam(
        f"{_UVICORN}.shutdown", "uvicorn_shutdown", ("self",), "the last telemetry before uvicorn ends the process",
        facts=_nothing, hook="uvicorn.Server.shutdown",
    ),
)  # fmt: skip

ATTRIBUTES = (
    Attribute(f"{_HOST}._route_path", "routes", since="3.10"),
    Attribute(f"{_HOST}._resolve_application", "routes, the app of a websocket", since="3.10"),
    Attribute(f"{_HOST}._valid_websocket_token", "why a websocket was refused", since="3.10"),
    Attribute(f"{_HOST}._origin_allowed", "why a websocket was refused", since="3.10"),
    Attribute(f"{_HOST}._request", "why a websocket was refused", since="3.10"),
    Attribute("panel.io.asgi:PanelASGI._extra_routes", "routes of Panel's own", since="1.10"),
)


# --- what observers read ------------------------------------------------------------------------------


def context_of_websocket(host: Any, scope: Message) -> Any | None:
    """Return the application context that a websocket is for; None for an app that does not exist."""
    resolved = host._resolve_application(host._route_path(scope) or "//")
    return resolved[0] if resolved is not None else None


def is_of_client(scope: Message) -> bool:
    """Whether a program opens a websocket, not a page."""
    protocols: Any = scope.get("subprotocols") or ()
    origin = any(name.lower() == b"origin" for name, _ in scope.get("headers") or ())
    return tornado.is_of_client(protocols[1] if len(protocols) == 2 else None, origin)


def refusal(host: Any, scope: Message) -> str:
    """Return why a websocket was refused: ``subprotocol``, ``token``, ``origin`` or ``auth``."""
    protocols = scope.get("subprotocols", [])
    if len(protocols) != 2 or protocols[0] != "bokeh":
        return "subprotocol"
    if not host._valid_websocket_token(protocols[1]):
        return "token"
    return "origin" if not host._origin_allowed(host._request(scope)) else "auth"
