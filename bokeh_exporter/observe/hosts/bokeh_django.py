"""bokeh-django: its websocket consumers, and its application contexts, which create sessions in a way of their own."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any

from .bokeh_messages import shares_of
from .bokeh_sessions import OWN_CREATION
from .seams import Seam, find

if TYPE_CHECKING:
    from . import Hosts

_CONSUMER = "bokeh_django.consumers:WSConsumer"


def _closing(handler: Any, close_code: int | None = None, *rest: object, **named: object) -> tuple[Any, Any, Any, Any]:
    return handler, handler.application_context, None, close_code


def _received(handler: Any, *fragments: Any, **named: Any) -> tuple[Any, list[Any]]:
    return handler.application_context, [each for each in (*fragments, *named.values()) if each is not None]


def _sent(handler: Any, message: Any, *rest: object, **named: object) -> tuple[Any, Any]:
    return handler.application_context, shares_of(message)


SEAMS = (
    Seam(
        f"{_CONSUMER}.disconnect", "websocket_closing", ("self", "close_code"), "close codes", facts=_closing,
        hook="bokeh_django.WSConsumer.disconnect",
    ),
    Seam(
        f"{_CONSUMER}.receive", "fragments_received", ("self",), "received bytes", facts=_received,
        hook="bokeh_django.WSConsumer.receive",
    ),
    Seam(
        f"{_CONSUMER}._send_bokeh_message", "message_sending", ("self", "message"), "sent bytes", facts=_sent,
        hook="bokeh_django.WSConsumer._send_bokeh_message",
    ),
)  # fmt: skip

ATTRIBUTES = ()


def refresh(hosts: Hosts) -> None:
    """Wrap the creation of sessions in classes of contexts that have one of their own."""
    base = find("bokeh.server.contexts", "ApplicationContext")
    if "bokeh_django" not in sys.modules or not hosts.event("session_creating"):
        return
    for kind in type.__subclasses__(base):
        label = f"{kind.__name__}.create_session_if_needed"
        if "create_session_if_needed" in vars(kind) and label not in hosts.patches.enabled:
            hosts.wrap(kind, dataclasses.replace(OWN_CREATION, hook=label, until=""))
