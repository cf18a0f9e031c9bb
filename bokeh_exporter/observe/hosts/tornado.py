"""Bokeh's tornado host: its websocket handler, its HTTP requests, and what tornado itself keeps of a connection.

tornado says of each answered request through ``Application.log_request``, wrapped at ``BokehTornado``, which inherits
it: no other tornado app of the process is seen. Rejected: the setting ``log_function``. It replaces tornado's access
log, so ours would have to write a copy of it, and the user's own would be lost.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from .bokeh_sessions import socket_of
from .seams import Attribute, Seam, find

if TYPE_CHECKING:
    from . import Hosts

_HANDLER = "bokeh.server.views.ws:WSHandler"
_SUMS = "tornado.websocket:WebSocketProtocol13"

#: Routes that belong to no app, as the catalogue has them.
AUTOLOAD, METADATA, STATIC, LIVENESS, NO_ROUTE = "/autoload.js", "/metadata", "/static", "/liveness", "other"


# --- facts of events --------------------------------------------------------------------------------


def _handler(handler: Any, *rest: object, **named: object) -> tuple[Any]:
    return (handler,)


def _opening(handler: Any, *rest: object, **named: object) -> tuple[Any, Any, Any]:
    return handler, handler.selected_subprotocol, handler._token  # gone once the handler has closed


def _landing(handler: Any, token: str | None = None, *rest: object, **named: object) -> tuple[Any, bool]:
    return handler.application_context, is_of_client(token, "Origin" in handler.request.headers)


def _server_closing(protocol: Any, code: int | None = None, *rest: object, **named: object) -> tuple[Any, int] | None:
    """Handler and code of a websocket of Bokeh's that the server closes with a code."""
    handler = protocol.handler
    return (handler, code) if code is not None and isinstance(handler, _handler_class()) else None


@functools.lru_cache(maxsize=1)
def _handler_class() -> Any:
    return find("bokeh.server.views.ws", "WSHandler")


def _closing(handler: Any, *rest: object, **named: object) -> tuple[Any, Any, Any, int | None]:
    return handler, handler.application_context, handler.connection, handler.close_code


def _answered(server: object, handler: Any, *rest: object, **named: object) -> tuple[Any, ...] | None:
    """Method, context or None, route of what belongs to no app, status, seconds."""
    status = handler.get_status()
    if status == 101:
        return None  # a websocket, which its own numbers count
    request = handler.request
    if isinstance(handler, _handler_class()) and request.headers.get("Upgrade", "").lower() == "websocket":
        return None  # one that was refused: so do they
    context, route = _route(handler)
    # tornado takes the wall clock, which may be set back; a sum must not fall.
    return request.method, context, route, status, max(0.0, request.request_time())


def _route(handler: Any) -> tuple[Any, str]:
    for kind, route in _handler_classes():
        if issubclass(type(handler), kind):
            return (None, route) if route else (handler.application_context, "")
    # Known by its name, so that Panel need not be there.
    return None, LIVENESS if type(handler).__name__ == "LivenessHandler" else NO_ROUTE


@functools.lru_cache(maxsize=1)
def _handler_classes() -> tuple[tuple[type, str], ...]:
    """Return the classes of handlers with their routes, an empty one for the app's own.

    Static files are Bokeh's, Panel's component resources, and folders that the user serves.
    """
    rows = (
        ("tornado.web", "StaticFileHandler", STATIC),
        ("bokeh.server.views.doc_handler", "DocHandler", ""),
        ("bokeh.server.views.ws", "WSHandler", ""),
        ("bokeh.server.views.autoload_js_handler", "AutoloadJsHandler", AUTOLOAD),
        ("bokeh.server.views.metadata_handler", "MetadataHandler", METADATA),
    )
    found = ((find(module, name), route) for module, name, route in rows)
    return tuple((kind, route) for kind, route in found if kind is not None)


# --- wrappers ---------------------------------------------------------------------------------------


async def through(call: Callable[[], Awaitable[Any]], *facts: object) -> Any:
    """Call the host's function where nobody asked to: what a runner does that does nothing."""
    return await call()


def _executing(original: Callable[..., Awaitable[Any]], hosts: Hosts) -> Callable[..., Any]:
    """Wrap the answer to a request of any tornado application of the process; only Bokeh's are looked at."""
    patches, run = hosts.patches, hosts.event("http_answering").runner() or through
    server, websocket = find("bokeh.server.tornado", "BokehTornado"), find("tornado.websocket", "WebSocketHandler")

    @functools.wraps(original)
    def execute(handler: Any, *args: Any, **kwargs: Any) -> Any:
        # The request of a websocket lasts as long as its browser stays.
        if not patches.on or not isinstance(handler.application, server) or isinstance(handler, websocket):
            return original(handler, *args, **kwargs)
        context = getattr(handler, "application_context", None)
        return run(functools.partial(original, handler, *args, **kwargs), context)

    return execute


SEAMS = (
    Seam(
        f"{_HANDLER}.check_origin", "origin_checking", ("self", "origin"), "websockets refused for their origin",
        facts=_handler,
    ),
    Seam(f"{_HANDLER}.open", "websocket_opening", (), "refused websockets and why", facts=_opening),
    Seam(f"{_HANDLER}.on_close", "websocket_closing", ("self",), "close codes, the last bytes", facts=_closing),
    Seam(
        f"{_HANDLER}._async_open", "websocket_landing", ("self", "token"), "sessions that a websocket had to make",
        facts=_landing,
    ),
    Seam(
        f"{_SUMS}.close", "websocket_closed_by_server", ("self", "code"),
        "close codes of the server's that the browser does not confirm", facts=_server_closing,
    ),
    Seam(
        "bokeh.server.tornado:BokehTornado.log_request", "request_answered", ("self", "handler"), "HTTP requests",
        facts=_answered,
    ),
    Seam(
        "tornado.web:RequestHandler._execute", "http_answering", ("self", "transforms"), "memory gained by requests",
        wrap=_executing,
    ),
)  # fmt: skip

ATTRIBUTES = (
    Attribute(f"{_SUMS}._message_bytes_in", "received bytes"),
    Attribute(f"{_SUMS}._message_bytes_out", "sent bytes, bytes of an interaction"),
    Attribute(f"{_SUMS}._wire_bytes_in", "the last sign of life of a browser"),
    Attribute("tornado.web:RequestHandler._current_user", "websockets refused for a missing login"),
    Attribute("tornado.iostream:BaseIOStream._write_buffer", "unsent bytes of slow browsers"),
    Attribute(f"{_HANDLER}._token", "why a websocket was refused"),
    Attribute("tornado.autoreload:_reload_hooks", "our function stays on tornado's list after uninstall()"),
    Attribute("tornado.locks:Semaphore._value", "whether a document's lock is free", until="6"),
)


# --- what observers read ------------------------------------------------------------------------------


def counts_bytes() -> bool:
    """Whether this tornado adds up the bytes of its websockets, in attributes that it keeps for its own tests."""
    names = find("tornado.websocket", "WebSocketProtocol13").__init__.__code__.co_names
    return {"_message_bytes_in", "_message_bytes_out"} <= set(names)


def protocol_of(connection: Any) -> Any | None:
    """Return tornado's end of a connection, which has its sums; None on other hosts."""
    return getattr(socket_of(connection), "ws_connection", None)


def sums(protocol: Any) -> tuple[int, int]:
    """Return the payload bytes received and sent so far."""
    return getattr(protocol, "_message_bytes_in", 0), getattr(protocol, "_message_bytes_out", 0)


def sums_of(socket: Any) -> tuple[int, int]:
    """Return the same by what sends."""
    return sums(getattr(socket, "ws_connection", None))


def unsent_bytes(connection: Any) -> int | None:
    """Return what tornado still holds for a connection; None where the transport does not say."""
    try:
        return len(protocol_of(connection).stream._write_buffer)  # type: ignore[union-attr]
    except (AttributeError, TypeError):  # a stream that is closed has no buffer
        return None


def bytes_heard(connection: Any) -> int | None:
    """Return the bytes that have come over a connection, pongs among them; None on other hosts."""
    return getattr(protocol_of(connection), "_wire_bytes_in", None)


def is_logged_in(handler: Any) -> bool:
    """Whether a request's user is known, once the host has asked its login. Asks nobody again: that is user code."""
    return bool(getattr(handler, "_current_user", None))


def add_reload_hook(function: Callable[[], None]) -> None:
    """Let tornado's autoreload call a function before it replaces the process."""
    find("tornado.autoreload", "").add_reload_hook(function)


def remove_reload_hook(function: Callable[[], None]) -> None:
    """Take it off again; tornado has no call for that."""
    hooks = getattr(find("tornado.autoreload", ""), "_reload_hooks", [])
    if function in hooks:
        hooks.remove(function)


def token_payload(token: str | None) -> dict[str, Any]:
    """Return what a session token carries; empty where it cannot be read."""
    try:
        payload = find("bokeh.util.token", "get_token_payload")(token)
    except Exception:  # whatever is wrong with it, there is nothing to read
        return {}
    return payload if isinstance(payload, dict) else {}


def is_of_client(token: str | None, origin: bool) -> bool:
    """Whether a program opens a websocket, not a page.

    A page's token carries the headers of its request, but not where the page shows a session that a program opened: it
    has the program's token then. Browsers send an origin.
    """
    return not origin and "headers" not in token_payload(token)
