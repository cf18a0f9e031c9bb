"""python uvloop_bokeh.py: the script stalling_bokeh.py at /stalling_bokeh, on an event loop that is written in C."""

import asyncio
import os
from pathlib import Path

import uvloop
from app_functions import CHECK_MS, LIFETIME_MS  # type: ignore[import-not-found]
from bokeh.application import Application
from bokeh.application.handlers.script import ScriptHandler
from bokeh.server.server import Server
from tornado.ioloop import IOLoop

import bokeh_exporter


async def main() -> None:
    port = int(os.environ["PORT"])
    app = Application(ScriptHandler(filename=Path(__file__).with_name("stalling_bokeh.py")))
    server = Server(
        {"/stalling_bokeh": app}, port=port, address="127.0.0.1", io_loop=IOLoop.current(),
        allow_websocket_origin=[f"localhost:{port}"],
        unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
    )  # fmt: skip
    bokeh_exporter.install()
    server.start()
    print(type(asyncio.get_running_loop()).__module__, flush=True)
    await asyncio.get_running_loop().create_future()


uvloop.run(main())
