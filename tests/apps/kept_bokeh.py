"""python kept_bokeh.py [bare|slow] - Bokeh's ``Server`` with the apps of kept_functions.

``bare`` has no exporter; ``slow`` has full garbage collections of 0.3 s.
"""

import asyncio
import gc
import os
import sys
import time

import bokeh_exporter

if sys.argv[1:] != ["bare"]:
    bokeh_exporter.install()

from app_functions import CHECK_MS, LIFETIME_MS  # type: ignore[import-not-found]
from bokeh.server.server import Server
from kept_functions import APPS  # type: ignore[import-not-found]
from tornado.ioloop import IOLoop

if sys.argv[1:] == ["slow"]:
    gc.callbacks.append(lambda phase, info: time.sleep(0.3 * (phase == "stop" and info["generation"] == 2)))

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
