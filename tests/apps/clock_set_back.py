"""A server whose ``time.time`` goes back by two days once it serves."""

import os
import time

from bokeh.server.server import Server

import bokeh_exporter

real, back = time.time, [0.0]
time.time = lambda: real() - back[0]


def set_back() -> None:
    back[0] = 172_800.0


bokeh_exporter.install()
server = Server({"/app": lambda doc: None}, port=int(os.environ["PORT"]), address="127.0.0.1")
server.start()
server.io_loop.call_later(1.0, set_back)
server.io_loop.start()
