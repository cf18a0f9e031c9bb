"""A server whose ``time.time`` raises for a second, as one does that a test has replaced, and then works again."""

import os
import threading
import time

from bokeh.server.server import Server

import bokeh_exporter

real = time.time


def broken() -> float:
    raise StopIteration


def replace() -> None:
    time.time = broken
    threading.Timer(1.2, repair).start()


def repair() -> None:
    time.time = real
    print("repaired", flush=True)


bokeh_exporter.install()
server = Server({"/app": lambda doc: None}, port=int(os.environ["PORT"]), address="127.0.0.1")
server.start()
server.io_loop.call_later(0.5, replace)
server.io_loop.start()
