"""python in_turn.py - one Server with /first and /both, and after SIGUSR1 another one with /second and /both.

Each has a loop of its own; the first one is stopped, closed and collected before the second one starts.
"""

import asyncio
import gc
import os
import signal

from app_functions import CHECK_MS, LIFETIME_MS, slider  # type: ignore[import-not-found]
from bokeh.server.server import Server
from tornado.ioloop import IOLoop

import bokeh_exporter

bokeh_exporter.install()


def serve(app: str, port: int) -> None:
    asyncio.set_event_loop(asyncio.new_event_loop())
    loop = IOLoop.current()
    server = Server(
        {app: slider, "/both": slider}, port=port, address="127.0.0.1", io_loop=loop,
        allow_websocket_origin=[f"localhost:{port}"],
        unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
    )  # fmt: skip
    signal.signal(signal.SIGUSR1, lambda *_: loop.add_callback_from_signal(loop.stop))
    server.start()
    loop.start()
    server.stop()
    server.unlisten()
    loop.close()


serve("/first", int(os.environ["PORT"]))
gc.collect()
serve("/second", int(os.environ["PORT2"]))
