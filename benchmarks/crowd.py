"""A server with the exporter and a crowd of visitors, all in one process: the helper of ``scale.py``.

Each session is a real one with its websocket open, from a client on the same loop: a client process
of its own would cost as much again and change nothing of what a sample sees. Started as
``python -m benchmarks.crowd APPS SESSIONS [debug]``; then it answers questions from its standard input.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import resource
import sys
import time
from typing import Any

from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.layouts import column
from bokeh.models import Button, ColumnDataSource, Slider
from bokeh.plotting import figure
from bokeh.server.server import Server
from bokeh.util.token import generate_jwt_token, generate_session_id

import bokeh_exporter
from bokeh_exporter.expose import status

from .clients import Session

_HOUR = 3600 * 1000
#: How many visitors come at once: enough to keep the loop busy, few enough for no timeout.
_TOGETHER = 20


def page(document: Any) -> None:
    """Build some 40 models, as a small app does."""
    source = ColumnDataSource({"x": [1, 2, 3], "y": [3, 1, 2]})
    plot = figure(height=300, width=500)
    plot.line("x", "y", source=source)
    document.add_root(column(Slider(start=0, end=10, value=1), Button(label="Press"), plot))


async def crowd(apps: int, sessions: int, debug: bool) -> None:
    """Serve, let the visitors in, say so, and answer questions until the input ends."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a session is two sockets here
    status.SHARED = 0.0  # what is measured is the refresh of the one page that is open
    exporter = bokeh_exporter.install(port=0, sample_period=0.05, debug=debug)
    applications = {f"/app{number}": Application(FunctionHandler(page)) for number in range(apps)}
    server = Server(
        applications,
        port=0,
        address="127.0.0.1",
        allow_websocket_origin=["*"],
        unused_session_lifetime_milliseconds=_HOUR,
        check_unused_sessions_milliseconds=_HOUR,
    )
    server.start()
    done = 0
    visitors: list[Session] = []

    async def visit() -> None:
        nonlocal done
        while done < sessions:
            done += 1
            url = f"http://127.0.0.1:{server.port}/app{done % apps}"
            visitors.append(await Session.connect(url, generate_jwt_token(generate_session_id())))

    await asyncio.gather(*(visit() for _ in range(_TOGETHER)))
    for visitor in visitors:
        visitor.document.clear()  # what a browser holds is not this process's heap
    gc.collect()
    print("ready", exporter.url, flush=True)
    await _answer(server)


async def _answer(server: Server) -> None:
    loop = asyncio.get_running_loop()
    heap: list[list[None]] = []
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        number, question, count = line.split()
        took: list[float] = []
        if question == "fill":
            gc.disable()  # building a heap is not what is measured, and each collection would walk it
            while len(heap) < int(count):
                heap.append([])
            gc.enable()
            gc.collect()
        else:
            took = [_mem_log(server) for _ in range(int(count))]
        print("answer", number, json.dumps(took), flush=True)


def _mem_log(server: Server) -> float:
    """Seconds that Bokeh takes for what ``--mem-log-frequency`` runs on the loop at debug level."""
    log = logging.getLogger("bokeh.server.tornado")
    log.setLevel(logging.DEBUG)
    start = time.perf_counter()
    server._tornado._log_mem()
    seconds = time.perf_counter() - start
    log.setLevel(logging.NOTSET)
    return seconds


if __name__ == "__main__":
    asyncio.run(crowd(int(sys.argv[1]), int(sys.argv[2]), "debug" in sys.argv[3:]))
