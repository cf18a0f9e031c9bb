"""Pages refused for their token, before there was anything to create.

An attempt that was refused is an attempt: it counts as created and as an error in step ``token``.
Refusals of WebSockets are counted by ``websockets``.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..frame import Observer
from ..hosts.patches import Leave


class Refusals(Observer):
    """Page requests whose session id or token is missing, forged or unreadable."""

    name: ClassVar[str] = "refusals"

    def start(self) -> None:
        """Hook into what turns a request into a session: the server from Bokeh 3.10 on, the handler before."""
        from bokeh.server.tornado import BokehTornado

        if hasattr(BokehTornado, "create_session"):
            from bokeh.server.core import BokehServerCore

            for host in (BokehTornado, BokehServerCore):
                self.hook.around(host, "create_session", self._creating)
        else:
            from bokeh.server.views.session_handler import SessionHandler

            self.hook.around(SessionHandler, "get_session", self._resolving, "self")

    def _resolving(self, handler: Any) -> Leave:
        return self._creating(handler, handler.application_context)

    def _creating(self, host: object, context: Any, *rest: object, **named: object) -> Leave:
        def leave(result: object, error: BaseException | None) -> None:
            if isinstance(error, Exception) and not _came_from_creation(error):
                app = self.apps.of(context)
                app.child("bokeh_sessions_created_total").inc()
                app.child("bokeh_session_create_errors_total", "token").inc()

        return leave


def _came_from_creation(error: BaseException) -> bool:
    # A creation that was begun has counted itself; its frame is in the traceback then.
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name in ("create_session_if_needed", "_create_session"):
            return True
        trace = trace.tb_next
    return False
