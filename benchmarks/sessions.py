"""Whether the exporter's own memory stays where it is, however many sessions have come and gone.

``python -m benchmarks.sessions --sessions 100000 --sockets 5000`` serves a small app with the exporter, opens and
destroys that many sessions, so many of them over real pages and websockets, the rest by the calls that a page makes.
At each tenth it collects garbage and prints what it found: bytes and objects that are reachable from the exporter and
are neither the host's nor shared with it, and Python's blocks and resident bytes of the whole process. It fails if the
exporter has grown by more than one part in ten since the warm-up. ``--keep 20`` keeps a model of each twentieth
session, to see what the ledger takes for each that is retained.

Bokeh's own collection in each ``destroy`` is left out and run once for a hundred sessions: it would take 70 ms
of every session and is not what is measured. What is there after the warm-up is frozen, so that each of the thousand
collections looks at what came later, in which any growth is, and not at Bokeh itself again.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import resource
import sys
import time
import types
from pathlib import Path
from typing import Any

import bokeh.document.document
from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.models import Range1d
from bokeh.server.contexts import ApplicationContext
from bokeh.server.server import Server
from bokeh.util.token import generate_session_id
from tornado.httpclient import AsyncHTTPClient

import bokeh_exporter

from .clients import Session

_BATCH = 100
_HOUR = 3600 * 1000
#: Sessions before the first look: what is kept of the last thousand interactions is full by then.
_WARM = 1500
_STATM = Path("/proc/self/statm")
#: How much the exporter may have grown between the warm-up and the end.
_AIM = 1.1
#: What belongs to everybody.
_SHARED = (
    type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType, types.FrameType,
    logging.Logger, logging.Handler,
)  # fmt: skip
_HOST = ("bokeh", "tornado", "asyncio", "panel", "param")


def own(exporter: bokeh_exporter.Exporter) -> tuple[int, int]:
    """Bytes and number of the objects that are reachable from the exporter and are its own."""
    seen = {id(vars(sys.modules[name])) for name in list(sys.modules)}
    size = 0
    found: list[Any] = [exporter]
    number = 0
    while found:
        each = found.pop()
        if id(each) in seen or isinstance(each, _SHARED) or type(each).__module__.partition(".")[0] in _HOST:
            continue
        seen.add(id(each))
        size += sys.getsizeof(each)
        number += 1
        found.extend(gc.get_referents(each))
    return size, number


def page(keep: int) -> Any:
    """An app of three models; each so many sessions keep one of them for ever.

    Models of few properties: to make widgets would be two thirds of the time, and a model is a model to the ledger.
    """
    kept: list[Any] = []
    built = 0

    def build(document: Any) -> None:
        nonlocal built
        built += 1
        gone = Range1d()  # removed at once
        for root in (Range1d(start=0, end=1), Range1d(start=0, end=2), gone):
            document.add_root(root)
        document.remove_root(gone)
        if keep and built % keep == 0:
            kept.append(gone)

    return build


async def direct(context: ApplicationContext, count: int) -> None:
    """Open and destroy sessions as the server does for pages, without the pages."""
    for _ in range(count):
        session = await context.create_session_if_needed(generate_session_id())
        session.request_expiration()
        await asyncio.sleep(0)  # an event loop that never turns would be a stall
    await context._cleanup_sessions(_HOUR)


async def visits(server: Server, context: ApplicationContext, count: int) -> None:
    """Open and destroy sessions with a page and a websocket each."""
    url = f"http://127.0.0.1:{server.port}/app"

    async def visit() -> None:
        await (await Session.visit(url)).close()

    for _ in range(count // 10):
        await asyncio.gather(*(visit() for _ in range(10)))
    while context._sessions:  # the server notices a moment later that they have left
        for session in list(context._sessions.values()):
            session.request_expiration()
        await context._cleanup_sessions(_HOUR)
        await asyncio.sleep(0.01)


def resident() -> float:
    """Resident memory in MB; 0 where the kernel does not tell."""
    try:
        return int(_STATM.read_text().split()[1]) * resource.getpagesize() / 2**20
    except OSError:
        return 0.0


async def main(sessions: int, sockets: int, keep: int) -> int:
    """Serve, open and destroy, tell; return the status."""
    bokeh.document.document.gc = types.SimpleNamespace(collect=lambda: 0)
    # It runs in the background of a machine that does other things.
    AsyncHTTPClient.configure(None, defaults={"request_timeout": 600.0, "connect_timeout": 600.0})
    exporter = bokeh_exporter.install(port=0)
    server = Server(
        {"/app": Application(FunctionHandler(page(keep)))}, port=0, address="127.0.0.1",
        allow_websocket_origin=["*"],
        unused_session_lifetime_milliseconds=_HOUR, check_unused_sessions_milliseconds=_HOUR,
    )  # fmt: skip
    server.start()
    context: ApplicationContext = server._tornado._applications["/app"]
    start = time.monotonic()
    for _ in range(_WARM // _BATCH):
        await direct(context, _BATCH)
        gc.collect()
    await visits(server, context, _BATCH)
    gc.collect()
    gc.freeze()
    first = last = await told(exporter, 0, 0, start)
    over_sockets = 0
    for done in range(_BATCH, sessions + 1, _BATCH):
        if over_sockets < sockets * done // sessions:  # spread over the whole run
            await visits(server, context, _BATCH)
            over_sockets += _BATCH
        else:
            await direct(context, _BATCH)
        gc.collect()
        if done * 10 // sessions > (done - _BATCH) * 10 // sessions:
            last = await told(exporter, done, over_sockets, start)
    grown = last / first
    judged = "" if keep else f", aim <= {_AIM}: {'met' if grown <= _AIM else 'MISSED'}"
    print(f"the exporter's own memory: x {grown:.3f}{judged}")
    return 0 if keep or grown <= _AIM else 1


async def told(exporter: bokeh_exporter.Exporter, done: int, over_sockets: int, start: float) -> int:
    """Print what there is, and return the exporter's bytes."""
    gc.collect()
    await asyncio.sleep(0.6)  # the watcher books what has happened
    size, number = own(exporter)
    print(
        f"{done:7} sessions, {over_sockets:5} over sockets: exporter {size / 1000:8.1f} kB in {number:6} objects, "
        f"process {sys.getallocatedblocks():7} blocks, {resident():6.1f} MB resident, "
        f"{time.monotonic() - start:5.0f} s",
        flush=True,
    )
    return size


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sessions", description=__doc__)
    parser.add_argument("--sessions", type=int, default=5000, help="in all")
    parser.add_argument("--sockets", type=int, default=300, help="of these over real pages and websockets")
    parser.add_argument("--keep", type=int, default=0, help="keep a model of each so many sessions; 0 keeps none")
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.sessions, given.sockets, given.keep)))
