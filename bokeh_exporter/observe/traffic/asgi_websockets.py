"""WebSockets of Bokeh 3.10's ASGI host, ``BokehASGI`` and ``PanelASGI``.

One seam gives all: ``_websocket`` is handed ``receive`` and ``send``, so we hand it ours, which
count what passes. A close before the accept is a refusal; why is worked out from the same data that
the host decided on, because its reason text does not reach every server.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from ...state.interactions import current
from ..apps import App
from ..frame import Observer
from .websockets import close_code, payload_size, token_expired

Event = dict[str, Any]


class AsgiWebSockets(Observer):
    """Close codes, refusals and payload bytes on the ASGI host."""

    name: ClassVar[str] = "asgi"

    def refresh(self) -> None:
        """Hook into the ASGI host once it is imported."""
        module = sys.modules.get("bokeh.server.asgi")
        if module is not None and "BokehASGI._websocket" not in self.patches.enabled:
            self.hook.replace(module.BokehASGI, "_websocket", self._websocket, "self", "scope", "receive", "send")

    def _websocket(self, original: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        @functools.wraps(original)
        async def wrapper(
            host: Any, scope: Any, receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]
        ) -> None:
            if not self.patches.on:
                return await original(host, scope, receive, send)
            connection = _Connection(self, host, scope)

            def seen(event: Event) -> None:
                try:
                    connection.saw(event)
                except Exception as ours:
                    self.hook.swallow(ours)

            async def counting_receive() -> Event:
                event = await receive()
                seen(event)
                return event

            async def counting_send(event: Event) -> None:
                seen(event)
                await send(event)

            try:
                return await original(host, scope, counting_receive, counting_send)
            finally:
                seen({"type": "bokeh_exporter.end"})

        return wrapper


class _Connection:
    """What passes over one WebSocket."""

    def __init__(self, observer: AsgiWebSockets, host: Any, scope: Any) -> None:
        self._observer = observer
        self._host = host
        self._scope = scope
        self._app: App | None = None
        self._code: int | None = None
        self._counts_bytes = observer.frame.config.includes("update")

    def saw(self, event: Event) -> None:
        kind = event["type"]
        if kind == "websocket.accept":
            resolved = self._host._resolve_application(self._host._route_path(self._scope))
            self._app = self._observer.apps.of(resolved[0])
        elif kind == "websocket.receive" and self._app is not None and self._counts_bytes:
            self._book("bokeh_websocket_received_bytes_total", event)
        elif kind == "websocket.send" and self._app is not None and self._counts_bytes:
            size = self._book("bokeh_websocket_sent_bytes_total", event)
            record = self._observer.state.interactions.get(current.get())
            if record is not None:
                record.bytes_sent += size
        elif kind == "websocket.close" and self._app is None:
            self._rejected()
        elif kind in ("websocket.close", "websocket.disconnect") and self._code is None:
            self._code = event.get("code", 1005)
        elif kind == "bokeh_exporter.end" and self._app is not None:
            self._app.child("bokeh_websocket_closed_total", close_code(self._code)).inc()

    def _book(self, name: str, event: Event) -> int:
        size = _payload(event)
        if self._app is not None:
            self._observer.state.record(self._app.child(name).inc, size)
        return size

    def _rejected(self) -> None:
        if self._host._resolve_application(self._host._route_path(self._scope) or "//") is None:
            return  # no such app: there is nothing that refused it
        protocols = self._scope.get("subprotocols", [])
        if len(protocols) != 2 or protocols[0] != "bokeh":
            reason = "subprotocol"
        elif not self._host._valid_websocket_token(protocols[1]):
            reason = "expired" if token_expired(protocols[1]) else "token"
        elif not self._host._origin_allowed(self._host._request(self._scope)):
            reason = "origin"
        else:
            return  # not logged in: an answer about the user, not about the WebSocket
        self._observer.state.child("bokeh_websocket_rejected_total", reason).inc()


def _payload(event: Event) -> int:
    fragment = event.get("bytes")
    return payload_size(event.get("text") or "" if fragment is None else fragment)
