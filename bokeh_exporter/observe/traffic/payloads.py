"""Payload bytes on the tornado host, and what else is known of a connection.

A message is three fragments or more, so bytes are not counted as they pass: tornado adds them up itself, and
its sums are read off the hot path, of those connections that something has passed over since. A sum that is
read late is late, never wrong. Only what an interaction sends is booked at once.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

from ... import config as options
from .. import slots
from ..apps import App
from ..frame import Frame, Observer
from ..hosts import tornado
from ..hosts.bokeh_sessions import connections_of, context_of_connection, sessions_of

#: How often a connection over which nothing has passed is read again: its reply may just be on its way.
_LOOKS = 3
#: On the hot path the slot's name saves a call.
_KNOWN = slots.connection.name


class ConnectionBytes:
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
            self._sums = tornado.sums(protocol)
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
        self.app.counter("bokeh_websocket_received_bytes_total").inc(now[0] - before[0])
        self.app.counter("bokeh_websocket_sent_bytes_total").inc(now[1] - before[1])


def _gone() -> None:
    return None


class Payloads(Observer):
    """Knows the connections, and counts payload bytes on the tornado host."""

    name: ClassVar[str] = "messages"
    level: ClassVar[options.CollectLevel] = "update"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._listed: deque[ConnectionBytes] = deque()
        self._settling = threading.Lock()

    def start(self) -> None:
        """Subscribe to what sends messages; what open connections have moved so far is not ours to count."""
        counts = self.patches.enabled["WebSocketProtocol13._message_bytes"] = tornado.counts_bytes()
        for connection in self._connections():
            self.bytes_of(connection).skip()
        self.on.before("websocket_closing", self._closing)
        if counts:
            self.on.before("message_sent", self._sent)
        self.state.on_drain.append(self.settle)

    def stop(self) -> None:
        """Take our marks off the connections that are open."""
        self.state.on_drain.remove(self.settle)
        self._listed.clear()
        for connection in self._connections():
            slots.connection.take(connection)

    def after_fork(self, serves: bool) -> None:
        """The lock may have been held by a thread that did not come along."""
        self._settling = threading.Lock()

    def _connections(self) -> list[Any]:
        sessions = [session for context, _ in self.apps.alive() for session in sessions_of(context)]
        return [connection for session in sessions for connection in connections_of(session)]

    # --- on the hot path -----------------------------------------------------------------------

    def bytes_of(self, connection: Any) -> ConnectionBytes:
        """Return what is known of a connection's bytes, made if there is nothing."""
        known = slots.connection.get(connection)
        if known is None:
            app = self.apps.of(context_of_connection(connection))
            known = ConnectionBytes(app, tornado.protocol_of(connection))
            slots.connection.put(connection, known)
        return known

    def enlist(self, known: ConnectionBytes) -> None:
        """Let the sums of a connection be read, soon and again while they change. From any thread."""
        if not known.looks:
            known.looks = _LOOKS
            self._listed.append(known)

    def _sent(self, connection: Any, size: int) -> None:
        known = getattr(connection, _KNOWN, None) or self.bytes_of(connection)
        if not known.looks:
            self.enlist(known)
        self.state.interactions.sent(size)

    # --- off it --------------------------------------------------------------------------------

    def _closing(self, handler: object, context: object, connection: Any, code: object) -> None:
        if connection is not None:
            known = self.bytes_of(connection)
            known.look()  # what has the sums may be gone before the next time
            self.enlist(known)

    def settle(self) -> None:
        """Read the sums of the connections that something has passed over."""
        listed = self._listed
        with self._settling:
            for _ in range(len(listed)):
                known = listed.popleft()
                known.settle()
                if known.looks:
                    listed.append(known)
