"""Payload bytes on the tornado host, and what else is known of a connection.

A message is three fragments or more, so bytes are not counted as they pass: tornado adds them up itself, and
its sums are read off the hot path, of those connections that something has passed over since. A sum that is
read late is late, never wrong. Only what an interaction sends is told at once: patches, by Bokeh
(``Message.send``) or by Panel, which writes past it.
"""

from __future__ import annotations

import functools
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

from ... import config as options
from ...state.interactions import current
from ..apps import KEY, App
from ..frame import Frame, Observer

#: Where a connection keeps its seat.
SEAT = f"{KEY}_seat"
#: How often a connection over which nothing has passed is read again: its reply may just be on its way.
_LOOKS = 3


class Seat:
    """What is known of a connection: its app, and what of tornado's sums is counted. Plain numbers."""

    __slots__ = ("_counted", "_protocol", "_sums", "app", "looks")

    def __init__(self, app: App, protocol: Any) -> None:
        self.app = app
        self._protocol: Callable[[], Any] = weakref.ref(protocol) if protocol is not None else _gone
        #: How often it is still to be read; 0 while it is not listed.
        self.looks = 0
        self._sums = self._counted = (0, 0)

    def look(self) -> tuple[int, int]:
        """Read tornado's sums: payload bytes received and sent."""
        protocol = self._protocol()
        if protocol is not None:
            self._sums = getattr(protocol, "_message_bytes_in", 0), getattr(protocol, "_message_bytes_out", 0)
        return self._sums

    def skip(self) -> None:
        """Count nothing of what has passed so far."""
        self._counted = self.look()

    def settle(self) -> None:
        """Count what has passed since the last time. Not by two threads at once."""
        before, now = self._counted, self.look()
        if now == before:
            self.looks -= 1
            return
        self._counted, self.looks = now, _LOOKS
        self.app.child("bokeh_websocket_received_bytes_total").inc(now[0] - before[0])
        self.app.child("bokeh_websocket_sent_bytes_total").inc(now[1] - before[1])


def _gone() -> None:
    return None


class Traffic(Observer):
    """Knows the connections, and counts payload bytes on the tornado host."""

    name: ClassVar[str] = "messages"
    level: ClassVar[options.Level] = "update"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._listed: deque[Seat] = deque()
        self._settling = threading.Lock()

    def start(self) -> None:
        """Hook into what sends messages; what open connections have moved so far is not ours to count."""
        from bokeh.protocol.message import Message
        from bokeh.server.views.ws import WSHandler
        from tornado.websocket import WebSocketProtocol13

        sums = {"_message_bytes_in", "_message_bytes_out"} <= set(WebSocketProtocol13.__init__.__code__.co_names)
        self.patches.enabled["WebSocketProtocol13._message_bytes"] = sums
        self._handler_class = WSHandler
        for connection in self._connections():
            self.seat(connection).skip()
        self.hook.before(WSHandler, "on_close", self._closing, "self")
        if sums:
            self.hook.replace(Message, "send", self._sending, "self", "conn")
        self.state.on_drain.append(self.settle)

    def refresh(self) -> None:
        """Hook into Panel's own way of sending once it is imported."""
        panel = sys.modules.get("panel.io.document")
        enabled = self.patches.enabled
        if panel is not None and "panel.dispatch_tornado" not in enabled:
            self.hook.replace(panel, "dispatch_tornado", self._dispatching, "conn", hook="panel.dispatch_tornado")

    def stop(self) -> None:
        """Take our marks off the connections that are open."""
        self.state.on_drain.remove(self.settle)
        self._listed.clear()
        for connection in self._connections():
            connection.__dict__.pop(SEAT, None)

    def after_fork(self, serves: bool) -> None:
        """The lock may have been held by a thread that did not come along."""
        self._settling = threading.Lock()

    def _connections(self) -> list[Any]:
        sessions = [session for context, _ in self.apps.alive() for session in list(context._sessions.values())]
        return [connection for session in sessions for connection in list(session._subscribed_connections)]

    # --- on the hot path -----------------------------------------------------------------------

    def seat(self, connection: Any) -> Seat:
        """Return the seat of a ``ServerConnection``, made if it has none."""
        seat: Seat | None = getattr(connection, SEAT, None)
        if seat is None:
            app = self.apps.of(connection.application_context)
            seat = Seat(app, getattr(connection._socket, "ws_connection", None))
            setattr(connection, SEAT, seat)
        return seat

    def enlist(self, seat: Seat) -> None:
        """Let the sums of a connection be read, soon and again while they change. From any thread."""
        if not seat.looks:
            seat.looks = _LOOKS
            self._listed.append(seat)

    def _sending(self, original: Callable[..., Any]) -> Callable[..., Any]:
        patches, handler_class, swallow = self.patches, self._handler_class, self.hook.swallow

        @functools.wraps(original)
        def send(message: Any, conn: Any) -> Any:
            sending = original(message, conn)
            # Replies come at the end of what was received, which has listed its connection.
            if patches.on and message.msgtype in ("PATCH-DOC", "ACK") and isinstance(conn, handler_class):
                try:
                    if conn.connection is not None:
                        return self._sent(self.seat(conn.connection), sending)
                except Exception as ours:
                    swallow(ours)
            return sending

        return send

    async def _sent(self, seat: Seat, sending: Any) -> Any:
        size = await sending
        try:
            # Characters, which JSON from Python keeps ASCII, and bytes of buffers.
            self._book(seat, size if isinstance(size, int) else 0)
        except Exception as ours:
            self.hook.swallow(ours)
        return size

    def _book(self, seat: Seat, size: int) -> None:
        self.enlist(seat)
        number = current.get()
        record = self.state.interactions.get(number) if number else None
        if record is not None:
            record.bytes_sent += size

    def _dispatching(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def dispatch_tornado(conn: Any, *args: Any, **kwargs: Any) -> Any:
            if not self.patches.on:
                return original(conn, *args, **kwargs)
            before = _sent_bytes(conn)
            result = original(conn, *args, **kwargs)
            try:
                self._book(self.seat(conn), _sent_bytes(conn) - before)
            except Exception as ours:
                self.hook.swallow(ours)
            return result

        return dispatch_tornado

    # --- off it --------------------------------------------------------------------------------

    def _closing(self, handler: Any) -> None:
        if handler.connection is not None:
            seat = self.seat(handler.connection)
            seat.look()  # what has the sums may be gone before the next time
            self.enlist(seat)

    def settle(self) -> None:
        """Read the sums of the connections that something has passed over."""
        listed = self._listed
        with self._settling:
            for _ in range(len(listed)):
                seat = listed.popleft()
                seat.settle()
                if seat.looks:
                    listed.append(seat)


def _sent_bytes(connection: Any) -> int:
    sent: int = getattr(getattr(connection._socket, "ws_connection", None), "_message_bytes_out", 0)
    return sent
