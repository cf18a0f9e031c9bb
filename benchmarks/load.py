"""Nothing is lost at what the machine carries: many short sessions beside many open websockets, every counter compared.

``python -m benchmarks.load --sessions 10000 --sockets 300`` serves a small app with the exporter at the level ``all``
and OpenTelemetry on, sent to a collector of ours that counts what it gets. It keeps that many websockets open, each
sending messages one after the other, opens and closes that many sessions beside them, and scrapes each second. In the
end the exporter's counters, scraped and as the collector has them, and the spans must be what this client counted,
message by message. Status 1 if one is not, or if the exporter's own memory has grown; 2 if the server answers no more.

It ends after ``--seconds``, however many sessions that were, and compares these. Bokeh runs a full garbage collection
for each session that it destroys, which walks all that are open: with 300 websockets 0.3 s each, with the exporter or
without. So what is there once all websockets are open is frozen (``gc.freeze()``); ``--thaw`` leaves it as it is. What
is left still takes two thirds of the processor: the sessions that wait for their end are walked for each that ends
before them. ``--seldom`` lets Bokeh collect once in 5 s instead, as a user may who has such traffic; ``--lifetime``
lets fewer wait.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable
from typing import TypeVar

from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.websocket import WebSocketClosedError

from .clients import Session, get
from .collector import Collector
from .counted import Counted, sums, wrongs
from .servers import App, Server, pin

_LOADED = App("loaded", "bokeh")
#: Short sessions that are open at the same time.
_TOGETHER = 10
#: Milliseconds that a session without a browser lives (Bokeh's default), and between two sweeps.
_LIFETIME, _SWEEP = 15000, "1000"
#: Seconds for the server to notice who has left, for its sweeps, and for the collector to have it.
_SETTLES = 120.0
#: Seconds without an answer after which the server is taken for gone.
_PATIENCE = 120.0
#: Seconds between two lines of progress.
_EVERY = 15.0
#: How much the exporter's own memory may grow from the first tenth to the last, each once its sessions are gone.
_AIM = 1.1
_Result = TypeVar("_Result")


async def answered(asked: Awaitable[_Result]) -> _Result:
    """Wait for one thing that the server is to do; never for ever."""
    return await asyncio.wait_for(asked, _PATIENCE)


async def opening(url: str, counted: Counted, count: int) -> list[Session]:
    """Open the websockets that stay, some at a time."""
    found: list[Session] = []
    left = iter(range(count))

    async def visits() -> None:
        for _ in left:
            if counted.late:
                return
            found.append(await answered(Session.visit(url)))
            counted.sessions += 1
            counted.opened += 1

    await asyncio.gather(*(visits() for _ in range(_TOGETHER)))
    return found


async def short(url: str, counted: Counted, count: int) -> None:
    """Open and close sessions, with a press each, until the time is up."""
    left = iter(range(count))

    async def visits() -> None:
        for _ in left:
            if counted.late:
                return
            session = await answered(Session.visit(url))
            counted.sessions += 1
            await answered(session.press(session.model("Press")))
            counted.presses += 1
            await answered(session.close())

    await asyncio.gather(*(visits() for _ in range(_TOGETHER)))


async def steady(session: Session, counted: Counted, pause: float, begins: float) -> None:
    """Send messages until the end, one after the other, with seconds in between."""
    await asyncio.sleep(begins)  # not all at the same moment
    level, value = session.model("Level"), 0
    while not counted.ends:
        value += 1
        await answered(session.change(level, value % 1000))
        counted.messages += 1
        await asyncio.sleep(pause)


async def scraping(metrics: str, counted: Counted) -> None:
    """Scrape each second."""
    while not counted.ends:
        begin = time.perf_counter()
        await answered(get(metrics))
        counted.scrapes += 1
        counted.slowest = max(counted.slowest, time.perf_counter() - begin)
        await asyncio.sleep(1)


async def progress(server: Server, counted: Counted) -> None:
    """Print now and then how far it is, whatever the server does."""
    begin = time.monotonic()
    while True:
        await asyncio.sleep(_EVERY)
        done = f"{counted.opened:4} open, {counted.sessions:6} sessions, {counted.messages:7} messages"
        took = f"{counted.scrapes:4} scrapes, the slowest {1000 * counted.slowest:.0f} ms"
        size = f"{server.rss():.0f} MB resident, {server.cpu():.0f} s of processor"
        print(f"{time.monotonic() - begin:5.0f} s: {done}, {took}, {size}", flush=True)


async def compared(server: Server, collector: Collector, counted: Counted, kept: int) -> list[str]:
    """Return what is not as it must be, once nothing changes any more."""
    until = time.monotonic() + _SETTLES
    while True:
        found = sums((await answered(get(str(server.metrics)))).decode())
        wrong = wrongs(f"/{_LOADED.name}", found, collector, counted, kept)
        if not wrong or time.monotonic() > until:
            return wrong
        await asyncio.sleep(1)


async def emptied(server: Server, kept: int) -> None:
    """Wait until only the sessions that stay are there: what those that ended had is no memory to compare."""
    until = time.monotonic() + _SETTLES
    while time.monotonic() < until:
        found = sums((await answered(get(str(server.metrics)))).decode())
        if found["bokeh_sessions_created_total"] - found.get("bokeh_sessions_destroyed_total", 0) <= kept:
            return
        await asyncio.sleep(1)


async def measured(session: Session, counted: Counted) -> tuple[int, int]:
    """Return the bytes and the objects of the exporter, by the server's own look."""
    content = await answered(session.press(session.model("Measure")))
    counted.presses += 1
    size, number = json.loads(content["events"][0]["new"])
    print(f"       the exporter: {size / 1000:.0f} kB in {number} objects", flush=True)
    return size, number


async def loaded(server: Server, collector: Collector, given: argparse.Namespace) -> int:
    """Open, load, compare; return the status."""
    assert server.metrics is not None
    counted = Counted(time.monotonic() + given.seconds)
    tasks = [asyncio.create_task(progress(server, counted)), asyncio.create_task(scraping(server.metrics, counted))]
    kept = await opening(server.url, counted, given.sockets + 1)
    asking, *others = kept
    for button in [*([] if given.thaw else ["Freeze"]), *(["Seldom"] if given.seldom else [])]:
        await answered(asking.press(asking.model(button)))
        counted.presses += 1
    share = given.pause / max(len(others), 1)
    tasks += [asyncio.create_task(steady(each, counted, given.pause, share * at)) for at, each in enumerate(others)]
    sizes = []
    for tenth in range(10):
        count = given.sessions * (tenth + 1) // 10 - given.sessions * tenth // 10
        await short(server.url, counted, count)
        if tenth in (0, 9):
            await emptied(server, len(kept))
        sizes.append(await measured(asking, counted))
    counted.ends = True
    await asyncio.gather(*tasks[1:])
    wrong = await compared(server, collector, counted, len(kept))
    tasks[0].cancel()
    print(*wrong, sep="\n", end="\n" if wrong else "")
    first, last = sizes[0][0], sizes[-1][0]
    done = f"{counted.sessions - len(kept)} of {given.sessions} sessions, {len(kept)} websockets"
    sent = f"{collector.requests} requests and {sum(collector.spans.values())} spans to the collector"
    judged = "met" if last <= _AIM * first else "MISSED"
    print(
        f"{done}, {counted.messages} messages, {counted.scrapes} scrapes, {sent}: {len(wrong) or 'no'} counters wrong"
    )
    print(f"the exporter's own memory: x {last / first:.3f}, aim <= {_AIM}: {judged}")
    return 1 if wrong or not collector.requests or last > _AIM * first else 0


async def main(given: argparse.Namespace) -> int:
    """Serve and load; return the status."""
    AsyncHTTPClient.configure(
        None, max_clients=50, defaults={"request_timeout": _PATIENCE, "connect_timeout": _PATIENCE}
    )  # fmt: skip
    pin()
    collector = Collector()
    os.environ.update(collector.environ)
    with Server(_LOADED, True, "all", str(given.lifetime), _SWEEP) as server:
        server.wait()
        try:
            return await loaded(server, collector, given)
        except (asyncio.TimeoutError, TimeoutError, OSError, WebSocketClosedError, HTTPClientError) as error:
            print(f"the server answers no more: {type(error).__name__}: {error}\n{server.log()[-2000:]}")
            return 2


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--sessions", type=int, default=1000, help="short ones")
    parser.add_argument("--sockets", type=int, default=100, help="that stay open")
    parser.add_argument("--pause", type=float, default=5.0, help="seconds between two messages of each of these")
    parser.add_argument("--seconds", type=float, default=900.0, help="after which no session is opened any more")
    parser.add_argument("--thaw", action="store_true", help="let each of Bokeh's collections walk all open sessions")
    parser.add_argument("--seldom", action="store_true", help="let Bokeh collect once in 5 s, not for each session")
    parser.add_argument("--lifetime", type=int, default=_LIFETIME, help="milliseconds of a session without a browser")
    sys.exit(asyncio.run(main(parser.parse_args())))
