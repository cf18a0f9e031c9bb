"""python raising_hook.py - Bokeh's ``Server`` with an app whose session-created hook raises."""

import os
from typing import Any

from app_functions import CHECK_MS, LIFETIME_MS, slider  # type: ignore[import-not-found]
from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.application.handlers.lifecycle import LifecycleHandler
from bokeh.server.server import Server

import bokeh_exporter


class Raising(LifecycleHandler):  # type: ignore[misc]
    async def on_session_created(self, session_context: Any) -> None:
        raise ValueError("the session-created hook raises")


bokeh_exporter.install()
port = int(os.environ["PORT"])
Server(
    {"/app": Application(FunctionHandler(slider), Raising())},
    port=port,
    address="127.0.0.1",
    allow_websocket_origin=[f"localhost:{port}"],
    unused_session_lifetime_milliseconds=LIFETIME_MS,
    check_unused_sessions_milliseconds=CHECK_MS,
).run_until_shutdown()
