"""bokeh-fastapi and bokeh-django: bytes in and out, where their own handlers have them.

Sessions, documents, messages and memory need nothing from here: they are seen at Bokeh's own classes.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ... import config as options
from ...state.interactions import sending_message
from ...state.ledger.changes import Share
from ..frame import Observer
from ..hosts import Leave
from .websockets import payload_size


class OtherHosts(Observer):
    """Payload bytes of bokeh-fastapi and bokeh-django."""

    name: ClassVar[str] = "other_hosts"
    level: ClassVar[options.CollectLevel] = "update"

    def start(self) -> None:
        """Subscribe to what their websockets receive and send."""
        self.on.before("fragments_received", self._received)
        self.on.around("message_sending", self._sending)

    def _received(self, context: Any, fragments: list[Any]) -> None:
        received = self.apps.of(context).counter("bokeh_websocket_received_bytes_total")
        for fragment in fragments:
            received.inc(payload_size(fragment))

    def _sending(self, context: Any, shares: list[Share] | None) -> Leave:
        def leave(sent: Any, error: BaseException | None) -> None:
            if error is None:
                # Both return characters, which JSON from Python keeps ASCII, and buffer bytes.
                self.apps.of(context).counter("bokeh_websocket_sent_bytes_total").inc(sent or 0)
                if shares is not None:
                    with sending_message(shares):
                        self.state.interactions.sent(sent or 0)

        return leave
