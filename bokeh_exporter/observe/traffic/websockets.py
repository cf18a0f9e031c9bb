"""WebSockets of the tornado host: connections, close codes and refusals. Their bytes are ``traffic``."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from ...catalogue import CLOSE_CODES, OTHER
from ...state import Level
from ..apps import KEY, App
from ..frame import Observer
from ..hosts.patches import Leave
from ..sessions.totals import Roll


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
