"""bokeh-fastapi: refused websockets, bytes in and out, and its sweep. The rest is seen at Bokeh's own classes.

It learns that a browser has left only when it next sends something, so close codes are missing there: that is said
by ``bokeh_exporter_hook_enabled{hook="bokeh_fastapi.close_code"} 0``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .bokeh_messages import shares_of
from .seams import Attribute, Seam
from .tornado import is_of_client

if TYPE_CHECKING:
    from . import Hosts

_HANDLER, _SERVER = "bokeh_fastapi.handler:WSHandler", "bokeh_fastapi.application:BokehFastAPI"


def _received(handler: Any, *fragments: Any, **named: Any) -> tuple[Any, list[Any]]:
    return handler.application_context, [each for each in (*fragments, *named.values()) if each is not None]


def _sent(handler: Any, message: Any, *rest: object, **named: object) -> tuple[Any, Any]:
    return handler.application_context, shares_of(message)


def _connecting(handler: Any, websocket: Any, *rest: object, **named: object) -> tuple[str | None, str | None]:
    """Subprotocol and token that a websocket asks with."""
    protocols: Any = websocket.scope.get("subprotocols") or ()
    return (protocols[0], protocols[1]) if len(protocols) == 2 else (None, None)


def _landing(handler: Any, socket: Any, token: str | None = None, *rest: object, **named: object) -> tuple[Any, bool]:
    return handler.application_context, is_of_client(token, "origin" in socket.headers)


def _first(first: Any, *rest: object, **named: object) -> tuple[Any]:
    return (first,)


SEAMS = (
    Seam(
        f"{_HANDLER}.ws_connect", "fastapi_connecting", ("self", "websocket"), "refused websockets and why",
        facts=_connecting, hook="bokeh_fastapi.WSHandler.ws_connect",
    ),
    Seam(
        f"{_HANDLER}._async_open", "websocket_landing", ("self", "socket", "token"),
        "sessions that a websocket had to make", facts=_landing, hook="bokeh_fastapi.WSHandler._async_open",
    ),
    Seam(
        f"{_HANDLER}._receive", "fragments_received", ("self", "fragment"), "received bytes", facts=_received,
        hook="bokeh_fastapi.WSHandler._receive",
    ),
    Seam(
        f"{_HANDLER}.send_message", "message_sending", ("self", "message"), "sent bytes", facts=_sent,
        hook="bokeh_fastapi.WSHandler.send_message",
    ),
    Seam(
        f"{_SERVER}.__init__", "server_made", ("self", "applications"),
        "lifetime and interval of servers that are made after the exporter was installed", facts=_first,
    ),
    Seam(
        f"{_SERVER}._cleanup_sessions", "sweeping", ("self",),
        "the duration of the sweep and the time of its last completion", facts=_first,
    ),
)  # fmt: skip

ATTRIBUTES = (
    Attribute(f"{_SERVER}._unused_session_lifetime_milliseconds", "the configured lifetime"),
    Attribute(f"{_SERVER}._check_unused_sessions_milliseconds", "the configured interval of the sweep"),
)


def refresh(hosts: Hosts) -> None:
    """Say what this host does not give, once it is imported."""
    if "bokeh_fastapi.handler" in sys.modules and hosts.event("message_sending"):
        hosts.patches.enabled["bokeh_fastapi.close_code"] = False
