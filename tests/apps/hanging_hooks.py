"""python hanging_hooks.py - Bokeh's ``Server`` at ``PORT`` with /good, whose handler has async session hooks.

``?hook=hang-created`` leaves a session pending for ever; after ``?hook=hang-destroyed`` has been
closed the sweep stands still. Handlers are the one place where Bokeh awaits such a hook.
"""

import asyncio
import os
from typing import Any

from app_functions import CHECK_MS, LIFETIME_MS, slider  # type: ignore[import-not-found]
from bokeh.application import Application
from bokeh.application.handlers import Handler
from bokeh.application.handlers.function import FunctionHandler
from bokeh.server.server import Server

import bokeh_exporter


class Hanging(Handler):  # type: ignore[misc]
    def modify_document(self, doc: Any) -> None:
        """The document is another handler's."""

    async def on_session_created(self, session_context: Any) -> None:
        await self._hang(session_context, "created")

    async def on_session_destroyed(self, session_context: Any) -> None:
        await self._hang(session_context, "destroyed")

    async def _hang(self, session_context: Any, moment: str) -> None:
        request = session_context.request
        if request is not None and request.arguments.get("hook") == [f"hang-{moment}".encode()]:
            await asyncio.get_running_loop().create_future()


bokeh_exporter.install()
port = int(os.environ["PORT"])
server = Server(
    {"/good": Application(FunctionHandler(slider), Hanging())}, port=port, address="127.0.0.1",
    allow_websocket_origin=[f"localhost:{port}"],
    unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
)  # fmt: skip
server.run_until_shutdown()
