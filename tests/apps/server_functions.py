"""python server_functions.py [--install before|after|no] [--in-turn]

Bokeh's ``Server`` with the apps /good and /raising at each of ``PORT``, ``PORT2`` and so on: all at
once on one loop, or with ``--in-turn`` one after the other, each on a loop of its own, the next when
the process gets SIGUSR1.
"""

import argparse
import asyncio
import os
import signal
from collections.abc import Sequence

from app_functions import CHECK_MS, LIFETIME_MS, raising, slider  # type: ignore[import-not-found]
from bokeh.server.server import Server
from tornado.ioloop import IOLoop

import bokeh_exporter

parser = argparse.ArgumentParser()
parser.add_argument("--install", choices=["before", "after", "no"], default="before")
parser.add_argument("--in-turn", action="store_true")
options = parser.parse_args()
ports = [int(port) for name, port in sorted(os.environ.items()) if name.startswith("PORT")]


def make(port: int) -> Server:
    return Server(
        {"/good": slider, "/raising": raising}, port=port, address="127.0.0.1", io_loop=IOLoop.current(),
        allow_websocket_origin=[f"localhost:{port}"],
        unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
    )  # fmt: skip


def serve(ports: Sequence[int], last: bool) -> None:
    asyncio.set_event_loop(asyncio.new_event_loop())
    loop = IOLoop.current()
    servers = [make(port) for port in ports]
    if options.install == "after":
        bokeh_exporter.install()
    for server in servers:
        server.start()
    if not last:
        signal.signal(signal.SIGUSR1, lambda *_: loop.add_callback_from_signal(loop.stop))
    loop.start()
    for server in servers:
        server.stop()
        server.unlisten()
    loop.close()


if options.install == "before":
    bokeh_exporter.install()
turns = [[port] for port in ports] if options.in_turn else [ports]
for number, turn in enumerate(turns, 1):
    serve(turn, last=number == len(turns))
