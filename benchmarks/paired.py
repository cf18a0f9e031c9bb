"""What is measured on two servers at once: time per operation, idle processor time, memory.

Wall time is what a visitor sees and includes this client's own work, so beside it stands the
server's processor time per operation: it leaves out the client and the waiting, and is the stricter
number. In each round both servers are started anew and every chosen measurement is taken once.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import Literal

from . import clients
from .clients import Session
from .pairs import Block, Comparison, Spread, alternate
from .results import MEMORY_AIM, RATIO_AIM, Compared, Measured, Result
from .servers import App, Server, pair

#: The names of ``--only`` that are taken here.
MEASUREMENTS = ("roundtrip", "creation", "page", "idle", "memory")

# Pairs of blocks per round, and operations per block: some 10 ms each, short against the disturbances of a
# shared machine and long against the clocks.
_ROUND_TRIPS = (300, 10)
_PRESSES = (80, 5)
_PAGES = (100, 10)
_CREATIONS = (40, 1)
#: Idle windows per round and their seconds: each sees some 30 of the exporter's ticks and 3 of its samples.
_IDLE = (2, 3.0)
#: Seconds after which a block that does not end is given up.
_DEADLINE = 60.0
#: What is done to each server before its memory is read.
_LOAD_SESSIONS, _LOAD_MESSAGES, _LOAD_SCRAPES = 20, 500, 5

#: One operation, run once; returns its wall seconds.
Run = Callable[[], Awaitable[float]]

_OVERHEAD = re.compile(rb"^bokeh_exporter_overhead_seconds_total (\S+)$", re.MULTILINE)

#: What is compared: unit, which number is judged, and the aim.
_ROWS: dict[str, tuple[str, Literal["ratio", "difference"], float | None]] = {
    "idle CPU": ("ms/s", "difference", None),
    "round trip": ("ms", "ratio", RATIO_AIM),
    "round trip, server CPU": ("ms", "ratio", None),
    "with callback": ("ms", "ratio", None),
    "with callback, server CPU": ("ms", "ratio", None),
    "metadata page": ("ms", "ratio", None),
    "metadata page, server CPU": ("ms", "ratio", None),
    "session creation": ("ms", "ratio", RATIO_AIM),
    "session creation, server CPU": ("ms", "ratio", None),
    "memory": ("MB", "difference", MEMORY_AIM),
}


def compare(app: App, rounds: int, only: Collection[str], null: bool) -> Iterator[Result]:
    """Measure one app, in ``rounds`` pairs of servers."""
    taken: dict[str, list[list[tuple[float, float]]]] = defaultdict(list)
    said: list[float] = []
    for _ in range(rounds):
        with pair(app, null) as (bare, exporter):
            one = _Round(bare, exporter)
            asyncio.run(one.measure(only))
            for what, pairs in one.taken.items():
                taken[what].append(pairs)
            said += one.said
    for what, (unit, judged, aim) in _ROWS.items():
        if what in taken:
            yield Compared(what, app.name, unit, Comparison.of(taken[what]), judged, aim)
    if said:
        yield Measured("own account of its hooks", f"{app.name}, per round trip", "us", Spread.of(said))


class _Round:
    """One pair of servers, and what was measured on them as ``(bare, exporter)``."""

    def __init__(self, bare: Server, exporter: Server) -> None:
        self.bare = bare
        self.exporter = exporter
        self.taken: dict[str, list[tuple[float, float]]] = {}
        #: Microseconds per round trip that the exporter says its hooks took.
        self.said: list[float] = []

    async def measure(self, only: Collection[str]) -> None:
        """Take what is chosen, the quiet first and memory after everything."""
        if "idle" in only:
            await self._idle()
        if "roundtrip" in only:
            before = await overhead(self.exporter)
            await self._blocks("round trip", _ROUND_TRIPS, round_trips)
            if before is not None and (after := await overhead(self.exporter)) is not None:
                self.said.append(1e6 * (after - before) / ((_ROUND_TRIPS[0] + 1) * _ROUND_TRIPS[1]))
            await self._blocks("with callback", _PRESSES, presses)
        if "page" in only:
            await self._blocks("metadata page", _PAGES, _pages)
        if "creation" in only:
            await self._blocks("session creation", _CREATIONS, _creations)
        if "memory" in only:
            await _load(self.bare)
            await _load(self.exporter)
            self.taken["memory"] = [(self.bare.rss(), self.exporter.rss())]

    async def _blocks(self, what: str, size: tuple[int, int], prepare: Callable[[Server], Awaitable[Run]]) -> None:
        pairs, operations = size
        one, other = await prepare(self.bare), await prepare(self.exporter)
        done = await alternate(
            pairs, lambda: block(self.bare, one, operations), lambda: block(self.exporter, other, operations)
        )
        self.taken[what] = [(1000 * a.wall, 1000 * b.wall) for a, b in done]
        self.taken[f"{what}, server CPU"] = [(1000 * a.cpu, 1000 * b.cpu) for a, b in done]

    async def _idle(self) -> None:
        """Milliseconds of processor time per second while one session is connected and nothing happens."""
        windows, seconds = _IDLE
        servers = (self.bare, self.exporter)
        sessions = [await Session.visit(server.url) for server in servers]
        await asyncio.sleep(1)  # let what starts up settle
        marks = []
        for number in range(windows + 1):
            await asyncio.sleep(seconds if number else 0)
            marks.append([1000 * server.cpu() / seconds for server in servers])
        self.taken["idle CPU"] = [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(marks)]
        for session in sessions:
            await session.close()


async def block(server: Server, operation: Run, operations: int) -> Block:
    """Run one block. An operation returns its own wall time: what it has to tidy up is not part of it."""

    async def run() -> float:
        return sum([await operation() for _ in range(operations)])

    cpu = server.cpu()
    wall = await asyncio.wait_for(run(), _DEADLINE)
    return Block(wall / operations, (server.cpu() - cpu) / operations)


# --- operations: each is prepared for a server and returns what runs it once ---------------------


async def round_trips(server: Server) -> Run:
    """Prepare moving a slider that nobody listens to."""
    session = await Session.visit(server.url)
    slider, value = session.model("Level"), 0

    async def change() -> float:
        nonlocal value
        value = value % 1000 + 1  # a new value each time: an unchanged one is no event
        start = time.perf_counter()
        await session.change(slider, value)
        return time.perf_counter() - start

    return change


async def presses(server: Server) -> Run:
    """Prepare pressing a button whose callback answers."""
    session = await Session.visit(server.url)
    button = session.model("Press")

    async def press() -> float:
        start = time.perf_counter()
        await session.press(button)
        return time.perf_counter() - start

    return press


async def _pages(server: Server) -> Run:
    async def page() -> float:
        start = time.perf_counter()
        await clients.get(f"{server.url}/metadata")
        return time.perf_counter() - start

    return page


async def _creations(server: Server) -> Run:
    async def create() -> float:
        start = time.perf_counter()
        session = await Session.visit(server.url)
        seconds = time.perf_counter() - start
        await session.close()
        return seconds

    return create


# --- processes ------------------------------------------------------------------------------------


async def _load(server: Server) -> None:
    sessions = [await Session.visit(server.url) for _ in range(_LOAD_SESSIONS)]
    slider = sessions[0].model("Level")
    for number in range(_LOAD_MESSAGES):
        await sessions[0].change(slider, number % 1000 + 1)
    for _ in range(_LOAD_SCRAPES if server.metrics is not None else 0):
        await clients.get(str(server.metrics))
    for session in sessions:
        await session.close()


async def overhead(server: Server) -> float | None:
    """Return the seconds that the exporter says its hooks and samples took so far."""
    if server.metrics is None:
        return None
    found = _OVERHEAD.search(await clients.get(server.metrics))
    return float(found.group(1)) if found is not None else None
