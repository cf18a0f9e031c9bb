"""bokeh-fastapi and bokeh-django: bytes in and out and close codes, where their own handlers have them.

Sessions, documents, messages and memory need nothing from here: they are seen at Bokeh's own classes.
What a host does not tell is said by ``hook_enabled`` 0: bokeh-fastapi learns that a browser has left
only when it next sends something, so close codes are missing there.
"""

from __future__ import annotations

import sys
from typing import Any, ClassVar

from ... import config as options
from ..frame import Observer
from ..hosts.patches import Leave
from .websockets import close_code, payload_size


class OtherHosts(Observer):
    """Payload bytes of bokeh-fastapi and bokeh-django."""

    name: ClassVar[str] = "other_hosts"
    level: ClassVar[options.Level] = "update"

    def refresh(self) -> None:
        """Hook into the packages that are imported by now."""
        hook, enabled = self.hook, self.patches.enabled
        fastapi = sys.modules.get("bokeh_fastapi.handler")
        if fastapi is not None and "bokeh_fastapi.close_code" not in enabled:
            enabled["bokeh_fastapi.close_code"] = False
            hook.before(
                fastapi.WSHandler,
                "_receive",
                self._reading,
                "self",
                "fragment",
                hook="bokeh_fastapi.WSHandler._receive",
            )
            hook.around(
                fastapi.WSHandler,
                "send_message",
                self._sending,
                "self",
                "message",
                hook="bokeh_fastapi.WSHandler.send_message",
            )
        django = sys.modules.get("bokeh_django.consumers")
        if django is not None and "bokeh_django.WSConsumer.disconnect" not in enabled:
            hook.before(
                django.WSConsumer,
                "disconnect",
                self._closing,
                "self",
                "close_code",
                hook="bokeh_django.WSConsumer.disconnect",
            )
            hook.before(django.WSConsumer, "receive", self._reading, "self", hook="bokeh_django.WSConsumer.receive")
            hook.around(
                django.WSConsumer,
                "_send_bokeh_message",
                self._sending,
                "self",
                "message",
                hook="bokeh_django.WSConsumer._send_bokeh_message",
            )

    def _closing(self, handler: Any, code: int | None) -> None:
        self.apps.of(handler.application_context).child("bokeh_websocket_closed_total", close_code(code)).inc()

    def _reading(self, handler: Any, *fragments: Any, **named: Any) -> None:
        app = self.apps.of(handler.application_context)
        for fragment in (*fragments, *named.values()):
            if fragment is not None:
                app.child("bokeh_websocket_received_bytes_total").inc(payload_size(fragment))

    def _sending(self, handler: Any, message: object) -> Leave:
        def leave(sent: Any, error: BaseException | None) -> None:
            if error is None:
                # Both return characters, which JSON from Python keeps ASCII, and buffer bytes.
                self.apps.of(handler.application_context).child("bokeh_websocket_sent_bytes_total").inc(sent or 0)

        return leave
