"""python kept_bokeh.py [bare|slow|waits] - Bokeh's ``Server`` with the apps of kept_functions.

``bare`` has no exporter; ``slow`` has full garbage collections that work for 0.3 s; ``waits`` has some that wait.
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


def work(phase: str, info: dict[str, int]) -> None:
    until = time.thread_time() + 0.3
    while phase == "stop" and info["generation"] == 2 and time.thread_time() < until:
        pass


if sys.argv[1:] == ["slow"]:
    gc.callbacks.append(work)
if sys.argv[1:] == ["waits"]:
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
