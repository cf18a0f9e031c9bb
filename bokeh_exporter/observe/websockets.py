"""WebSockets of the tornado host: connections, close codes, refusals and payload bytes.

A message is three fragments or more, so bytes are not counted one by one: tornado adds up itself what
passes over a connection, and we read its sums once a message, when one has been received, and when one
has been sent by Bokeh (``Message.send``) or by Panel, which writes past it. A sum that is read late is
late, never wrong.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import Any, ClassVar

from .. import config as options
from ..catalogue import CLOSE_CODES, OTHER
from ..state import Level
from ..state.interactions import current
from .apps import KEY, App
from .frame import Observer
from .patches import Leave
from .roll import Roll


class WebSockets(Observer):
    """Connections, close codes and refusals; levels are read from the sessions, so they are any host's."""

    name: ClassVar[str] = "websockets"

    def start(self) -> None:
        """Hook into Bokeh's WebSocket handler."""
        from bokeh.server.views.ws import WSHandler

        hook = self.hook
        hook.around(WSHandler, "check_origin", self._checking_origin, "self", "origin")
        hook.around(WSHandler, "open", self._opening)
        hook.before(WSHandler, "on_close", self._closing, "self")

    def _checking_origin(self, handler: object, origin: str) -> Leave:
        def leave(allowed: Any, error: BaseException | None) -> None:
            if error is None and not allowed:
                self.state.child("bokeh_websocket_rejected_total", "origin").inc()

        return leave

    def _opening(self, handler: Any, *rest: object, **named: object) -> Leave:
        protocol = handler.selected_subprotocol  # gone once the handler has closed

        def leave(result: object, error: BaseException | None) -> None:
            if isinstance(error, Exception):
                handler.__dict__[KEY] = "rejected"
                reason = "subprotocol"
                if protocol == "bokeh":
                    reason = "expired" if token_expired(handler._token) else "token"
                self.state.child("bokeh_websocket_rejected_total", reason).inc()

        return leave

    def _closing(self, handler: Any) -> None:
        if KEY in handler.__dict__:
            return  # refused, and counted there
        self.apps.of(handler.application_context).child(
            "bokeh_websocket_closed_total", close_code(handler.close_code)
        ).inc()

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Count connections, and the bytes that slow browsers have not taken."""
        for context, app in contexts:
            roll = Roll.of(context).refresh()
            waiting = roll.slice(unsent_bytes)
            yield Level("bokeh_websocket_connections", roll.connections, (app.label,))
            # Without connections there is no transport to ask; tornado's, which tells, comes with tornado's loop.
            if waiting or (not roll.connections and hasattr(context._loop, "asyncio_loop")):
                yield Level("bokeh_websocket_send_buffer_bytes", sum(waiting), (app.label,))


class Messages(Observer):
    """Payload bytes on the tornado host. Those received are read as each message is, by ``Interactions``."""

    name: ClassVar[str] = "messages"
    level: ClassVar[options.Level] = "update"

    def start(self) -> None:
        """Hook into what sends messages; what open connections have moved so far is not ours to count."""
        from bokeh.protocol.message import Message
        from bokeh.server.views.ws import WSHandler
        from tornado.websocket import WebSocketProtocol13

        sums = {"_message_bytes_in", "_message_bytes_out"} <= set(WebSocketProtocol13.__init__.__code__.co_names)
        self.patches.enabled["WebSocketProtocol13._message_bytes"] = sums
        self._handler_class = WSHandler
        for context, _ in self.apps.alive():
            for session in list(context._sessions.values()):
                for connection in list(session._subscribed_connections):
                    received_bytes(connection._socket)
                    sent_bytes(connection._socket)
        if sums:
            self.hook.replace(Message, "send", self._sending, "self", "conn")

    def refresh(self) -> None:
        """Hook into Panel's own way of sending once it is imported."""
        panel = sys.modules.get("panel.io.document")
        enabled = self.patches.enabled
        if panel is not None and "panel.dispatch_tornado" not in enabled:
            self.hook.replace(panel, "dispatch_tornado", self._dispatching, "conn", hook="panel.dispatch_tornado")

    def stop(self) -> None:
        """Take our marks off the connections that are open."""
        for context, _ in self.apps.alive():
            for session in list(context._sessions.values()):
                for connection in list(session._subscribed_connections):
                    marks = getattr(getattr(connection._socket, "ws_connection", None), "__dict__", {})
                    marks.pop(_RECEIVED, None)
                    marks.pop(_SENT, None)

    def _sending(self, original: Callable[..., Any]) -> Callable[..., Any]:
        patches, handler_class = self.patches, self._handler_class

        @functools.wraps(original)
        async def send(message: Any, conn: Any) -> Any:
            result = await original(message, conn)
            if patches.on and isinstance(conn, handler_class):
                self._guarded(conn)
            return result

        return send

    def _dispatching(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def dispatch_tornado(conn: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(conn, *args, **kwargs)
            if self.patches.on:
                self._guarded(conn._socket)
            return result

        return dispatch_tornado

    def _guarded(self, handler: Any) -> None:
        start = perf_counter()
        try:
            self._sent(handler)
        except Exception as ours:
            self.hook.swallow(ours)
        self.state.overhead[0] += perf_counter() - start

    def _sent(self, handler: Any) -> None:
        app, size, number = self.apps.of(handler.application_context), sent_bytes(handler), current.get()
        self.state.queue.append((app.child("bokeh_websocket_sent_bytes_total").inc, size, number))
        if number:
            record = self.state.interactions.get(number)
            if record is not None:
                record.bytes_sent += size


_RECEIVED, _SENT = f"{KEY}_received", f"{KEY}_sent"


def received_bytes(handler: Any) -> int:
    """Return the payload bytes that a handler's connection took since the last call; 0 on other hosts."""
    connection = getattr(handler, "ws_connection", None)
    total: int = getattr(connection, "_message_bytes_in", 0)
    if not total:
        return 0
    fields = connection.__dict__
    new: int = total - fields.get(_RECEIVED, 0)
    fields[_RECEIVED] = total
    return new


def sent_bytes(handler: Any) -> int:
    """Return the payload bytes that a handler's connection gave since the last call; 0 once it is closed."""
    connection = getattr(handler, "ws_connection", None)
    total: int = getattr(connection, "_message_bytes_out", 0)
    if not total:
        return 0
    fields = connection.__dict__
    new: int = total - fields.get(_SENT, 0)
    fields[_SENT] = total
    return new


def payload_size(fragment: str | bytes) -> int:
    """Return the bytes of a fragment on the wire; text is UTF-8, and ASCII is known to Python in O(1)."""
    if isinstance(fragment, str):
        return len(fragment) if fragment.isascii() else len(fragment.encode())
    return len(fragment)


def close_code(code: int | None) -> str:
    """Return the label of a close code.

    A connection that went away gives none on tornado and 1005 under uvicorn. RFC 6455 calls that 1006,
    and tells it from a close frame without a code; the hosts do not.
    """
    label = "1006" if code in (None, 1005) else str(code)
    return label if label in CLOSE_CODES else OTHER


def token_expired(token: str | None) -> bool:
    """Whether a refused token was a good one once."""
    from bokeh.util.token import get_token_payload

    try:
        return int(get_token_payload(token)["session_expiry"]) <= time.time()
    except Exception:  # whatever is wrong with it, it is not its age
        return False


def unsent_bytes(connection: Any) -> int | None:
    """Return what tornado still holds for a connection, None where the transport does not tell."""
    try:
        return len(connection._socket.ws_connection.stream._write_buffer)
    except (AttributeError, TypeError):  # a stream that is closed has no buffer
        return None
