"""Pages refused for their token, before there was anything to create.

An attempt that was refused is an attempt: it counts as created and as an error in step ``token``.
Refusals of websockets are counted by ``traffic.websockets``.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ...state.safe_looks import is_a
from ..frame import Observer
from ..hosts import Leave
from ..hosts.bokeh_server import began_a_session


class Refusals(Observer):
    """Page requests whose session id or token is missing, forged or unreadable."""

    name: ClassVar[str] = "refusals"

    def start(self) -> None:
        """Subscribe to what turns a request into a session."""
        self.on.around("session_resolving", self._resolving)

    def _resolving(self, context: Any) -> Leave:
        def leave(result: object, error: BaseException | None) -> None:
            # A creation that was begun has counted itself.
            if error is not None and is_a(error, Exception) and not began_a_session(error):
                app = self.apps.of(context)
                app.counter("bokeh_sessions_created_total").inc()
                app.counter("bokeh_session_create_errors_total", "token").inc()

        return leave
