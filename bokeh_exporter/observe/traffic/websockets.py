"""Websockets of the tornado host: connections, close codes and refusals. Their bytes are ``payloads``."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from ...catalogue import CLOSE_CODES, OTHER
from ...state import Level
from ...state.safe_looks import is_a, type_name
from .. import slots
from ..apps import App
from ..frame import Frame, Observer
from ..hosts import Leave
from ..hosts.bokeh_sessions import connections_of, runs_on_tornado, sessions_of
from ..hosts.tornado import bytes_heard, is_logged_in, token_payload, unsent_bytes
from ..sessions.sweeps import Sweeps
from ..sessions.totals import SessionTotals
from .cut_ages import CutAges


class WebSockets(Observer):
    """Connections, close codes and refusals; levels are read from the sessions, so they are any host's."""

    name: ClassVar[str] = "websockets"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        #: When those ended that were cut off; the ASGI host's are noted here, too.
        self.cut = CutAges()

    def start(self) -> None:
        """Subscribe to what becomes of websockets."""
        on = self.on
        on.around("origin_checking", self._checking_origin)
        on.around("websocket_opening", self._opening)
        on.around("fastapi_connecting", self._connecting)
        on.before("websocket_closed_by_server", slots.closed_with.put)
        on.before("websocket_closing", self._closing)

    def stop(self) -> None:
        """Take our marks off the connections that are open."""
        for context, _ in self.apps.alive():
            for session in sessions_of(context):
                for connection in connections_of(session):
                    slots.heard.take(connection)

    def _checking_origin(self, handler: object) -> Leave:
        def leave(allowed: Any, error: BaseException | None) -> None:
            if error is None and not allowed:
                self.state.counter("bokeh_websocket_rejected_total", "origin").inc()

        return leave

    def _opening(self, handler: Any, protocol: str | None, token: str | None) -> Leave:
        slots.opened.put(handler, time.monotonic())

        def leave(result: object, error: BaseException | None) -> None:
            if isinstance(error, Exception):
                slots.refused.put(handler, True)
                reason = "subprotocol" if is_logged_in(handler) else "auth"
                if protocol == "bokeh" and reason != "auth":
                    reason = "expired" if token_expired(token) else "token"
                self.state.counter("bokeh_websocket_rejected_total", reason).inc()

        return leave

    def _connecting(self, protocol: str | None, token: str | None) -> Leave:
        # Worked out now: the websocket ends hours later, and its token is not to be kept until then.
        known = "subprotocol" if protocol != "bokeh" else "expired" if token_expired(token) else None
        without_age = protocol == "bokeh" and "session_expiry" not in token_payload(token)

        def leave(result: object, error: BaseException | None) -> None:
            # One that is accepted never raises, but a browser may go meanwhile.
            reason = known or ("token" if without_age or type_name(type(error)) == "ProtocolError" else None)
            if reason is not None and is_a(error, Exception):
                self.state.counter("bokeh_websocket_rejected_total", reason).inc()

        return leave

    def _closing(self, handler: Any, context: Any, connection: object, code: int | None) -> None:
        if slots.refused.get(handler):
            return  # refused, and counted there
        if code is None:
            code = slots.closed_with.get(handler)  # the browser did not confirm it
        app, label, opened = self.apps.of(context), close_code(code), slots.opened.get(handler)
        app.counter("bokeh_websocket_closed_total", label).inc()
        if opened is not None:
            self.cut.ended(app.label, label, opened)

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Count connections, the bytes that slow browsers have not taken, and how long the quietest has been silent."""
        pinged = self.frame.find(Sweeps).pings()
        for context, app in contexts:
            totals = SessionTotals.of(context).refresh()
            read = totals.slice(lambda connection: (unsent_bytes(connection), _heard(connection, now)))
            waiting = [unsent for unsent, _ in read if unsent is not None]
            heard = [since for _, since in read if since is not None]
            if not totals.connections:
                yield Level("bokeh_websocket_silent_age_max_seconds", 0.0, (app.label,))
            elif heard and pinged:
                yield Level("bokeh_websocket_silent_age_max_seconds", max(0.0, now - min(heard)), (app.label,))
            yield Level("bokeh_websocket_connections", totals.connections, (app.label,))
            # Without connections there is no transport to ask; tornado's, which says it, comes with tornado's loop.
            if waiting or (not totals.connections and runs_on_tornado(context)):
                yield Level("bokeh_websocket_send_buffer_bytes", sum(waiting), (app.label,))

    def collect(self) -> Iterable[Level]:
        """Report at what age websockets are cut off."""
        for label in self.apps.labels():
            age = self.cut.age(label)
            if age is not None:
                yield Level("bokeh_websocket_cut_age_seconds", age, (label,))


def _heard(connection: Any, now: float) -> float | None:
    """Return when a connection gave its last sign of life, a message or a pong; None where the host does not say.

    Whatever comes moves tornado's sum, so nothing has to be noted where a message or a pong is received.
    """
    size = bytes_heard(connection)
    if size is None:
        return None
    known = slots.heard.get(connection)
    if known is None or known[0] != size:
        known = (size, now)
        slots.heard.put(connection, known)
    return known[1]


def payload_size(fragment: str | bytes) -> int:
    """Return the bytes of a fragment on the wire; text is UTF-8, and ASCII is known to Python in O(1)."""
    if isinstance(fragment, str):
        return len(fragment) if fragment.isascii() else len(fragment.encode())
    return len(fragment)


def close_code(code: int | None) -> str:
    """Return the label of a close code.

    A connection that went away gives none on tornado and 1005 under uvicorn. RFC 6455 calls that 1006,
    and distinguishes it from a close frame without a code; the hosts do not.
    """
    label = "1006" if code in (None, 1005) else str(code)
    return label if label in CLOSE_CODES else OTHER


def token_expired(token: str | None) -> bool:
    """Whether a refused token was a good one once."""
    try:
        return int(token_payload(token)["session_expiry"]) <= time.time()
    except Exception:  # whatever is wrong with it, it is not its age
        return False
