"""python kept_bokeh.py [bare] - Bokeh's ``Server`` with the apps of kept_functions; ``bare`` has no exporter."""

import asyncio
import os
import sys

import bokeh_exporter

if sys.argv[1:] != ["bare"]:
    bokeh_exporter.install()

from app_functions import CHECK_MS, LIFETIME_MS  # type: ignore[import-not-found]
from bokeh.server.server import Server
from kept_functions import APPS  # type: ignore[import-not-found]
from tornado.ioloop import IOLoop

port = int(os.environ["PORT"])


async def main() -> None:
    server = Server(
        APPS, port=port, address="127.0.0.1", io_loop=IOLoop.current(),
        allow_websocket_origin=[f"localhost:{port}"],
        unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
    )  # fmt: skip
    server.start()
    await asyncio.Event().wait()


asyncio.run(main())
