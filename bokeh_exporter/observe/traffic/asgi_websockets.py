"""Websockets of the ASGI host: close codes, refusals and payload bytes, from the messages that pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar

from ..apps import App
from ..frame import Observer
from ..hosts import asgi
from .websockets import WebSockets, close_code, payload_size, token_expired


class AsgiWebSockets(Observer):
    """Close codes, refusals and payload bytes on the ASGI host."""

    name: ClassVar[str] = "asgi"

    def start(self) -> None:
        """Subscribe to websockets of the ASGI host."""
        self.on.changes("asgi_websocket", self._opened)

    def _opened(self, nobody: None, host: Any, scope: Any) -> Callable[[asgi.Message], None]:
        return _Connection(self, host, scope).saw


class _Connection:
    """What passes over one websocket."""

    def __init__(self, observer: AsgiWebSockets, host: Any, scope: Any) -> None:
        self._observer = observer
        self._host = host
        self._scope = scope
        self._app: App | None = None
        self._code: int | None = None
        self._opened = time.monotonic()
        self._counts_bytes = observer.frame.config.includes("update")

    def saw(self, message: asgi.Message) -> None:
        """Take note of a message that passes."""
        kind = message["type"]
        if kind == "websocket.accept":
            self._app = self._observer.apps.of(asgi.context_of_websocket(self._host, self._scope))
        elif kind == "websocket.receive" and self._app is not None and self._counts_bytes:
            self._book("bokeh_websocket_received_bytes_total", message)
        elif kind == "websocket.send" and self._app is not None and self._counts_bytes:
            self._observer.state.interactions.sent(self._book("bokeh_websocket_sent_bytes_total", message))
        elif kind == "websocket.close" and self._app is None:
            self._refused()
        elif kind in ("websocket.close", "websocket.disconnect") and self._code is None:
            self._code = message.get("code", 1005)
        elif kind == "bokeh_exporter.end" and self._app is not None:
            label = close_code(self._code)
            self._app.counter("bokeh_websocket_closed_total", label).inc()
            self._observer.frame.find(WebSockets).cut.ended(self._app.label, label, self._opened)

    def _book(self, name: str, message: asgi.Message) -> int:
        size = _payload(message)
        if self._app is not None:
            self._observer.state.record(self._app.counter(name).inc, size)
        return size

    def _refused(self) -> None:
        if asgi.context_of_websocket(self._host, self._scope) is None:
            return  # no such app: there is nothing that refused it
        reason = asgi.refusal(self._host, self._scope)
        if reason == "token" and token_expired(self._scope["subprotocols"][1]):
            reason = "expired"
        self._observer.state.counter("bokeh_websocket_rejected_total", reason).inc()


def _payload(message: asgi.Message) -> int:
    fragment = message.get("bytes")
    return payload_size(message.get("text") or "" if fragment is None else fragment)
