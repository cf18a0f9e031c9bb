"""What one sample and one scrape cost as sessions, apps and the heap grow.

A helper process (``crowd.py``) holds a server and its visitors. Samples are read through the front
door: the exporter's own histogram of their duration, one window of 1 s after the other, at the
shortest sample period. Scrapes are timed from here, over HTTP. Beside the samples on a large heap
stands what Bokeh does for ``--mem-log-frequency`` at debug level, timed in the same process.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Collection, Iterator

from . import clients
from .pairs import Spread
from .results import SAMPLE_AIM, SCRAPE_AIM, STATUS_AIM, Measured
from .servers import Process, python

#: The names of ``--only`` that are taken here.
MEASUREMENTS = ("sample", "scrape", "status", "sessions")
_SESSIONS = (1, 100, 1000)
_MILLIONS = (1, 3, 5)
_WINDOWS = 6
_SCRAPES = 25
#: Refreshes of the status page in a block, and blocks.
_REFRESHES, _BLOCKS = 20, 10
#: One takes seconds at 5 million objects.
_MEM_LOGS = 3

_DURATION = re.compile(rb"^bokeh_exporter_sample_duration_seconds_(sum|count) (\S+)$", re.MULTILINE)


class Crowd(Process):
    """The helper process."""

    def __init__(self, apps: int, sessions: int, debug: bool = False) -> None:
        arguments = [str(apps), str(sessions), *(["debug"] if debug else [])]
        super().__init__(python("benchmarks.crowd", *arguments), keep_input=True)
        self.metrics = self.find(re.compile(r"ready (http\S+)")) + "/metrics"
        self._asked = 0

    def ask(self, question: str) -> list[float]:
        """Let the helper do something on its loop, and return what it measured."""
        self._asked += 1
        assert self.process.stdin is not None
        self.process.stdin.write(f"{self._asked} {question}\n".encode())
        self.process.stdin.flush()
        answer = self.find(re.compile(rf"^answer {self._asked} (.*)$", re.MULTILINE))
        return [float(number) for number in json.loads(answer)]

    def samples(self, asked: bool = False) -> Spread:
        """Milliseconds of one sample: the mean of each window; ``asked`` while the sessions are, one by one."""
        rows = self.metrics.removesuffix("/metrics") + "/api/v1/sessions?limit=25"

        async def windows() -> list[float]:
            means = []
            if asked:
                await clients.get(rows)
            total, count = _sums(await clients.get(self.metrics))
            for _ in range(_WINDOWS):
                await asyncio.sleep(1)
                if asked:
                    await clients.get(rows)
                newer, more = _sums(await clients.get(self.metrics))
                means.append(1000 * (newer - total) / (more - count))
                total, count = newer, more
            return means

        return Spread.of(asyncio.run(windows()))

    def scrapes(self) -> tuple[Spread, int]:
        """Milliseconds of one scrape, and the bytes of the last one."""

        async def scrape() -> tuple[list[float], int]:
            times, size = [], 0
            for _ in range(_SCRAPES):
                start = time.perf_counter()
                size = len(await clients.get(self.metrics))
                times.append(1000 * (time.perf_counter() - start))
                await asyncio.sleep(0.05)
            return times, size

        times, size = asyncio.run(scrape())
        return Spread.of(times), size

    def refreshes(self) -> Spread:
        """Milliseconds of the process' time for one refresh of the status page, what it takes anyway subtracted."""
        address = self.metrics.removesuffix("/metrics") + "/api/v1/status"

        async def block(asked: bool) -> tuple[float, float]:
            begun, before = time.perf_counter(), self.cpu()
            for _ in range(_REFRESHES):
                if asked:
                    await clients.get(f"{address}?since={time.time() - 2}&interactions=12")
                else:
                    await asyncio.sleep(0.05)
            return self.cpu() - before, time.perf_counter() - begun

        async def blocks() -> list[float]:
            times = []
            for _ in range(_BLOCKS):
                idle, seconds = await block(False)
                busy, wall = await block(True)
                times.append(1000 * (busy - idle / seconds * wall) / _REFRESHES)
            return times

        return Spread.of(asyncio.run(blocks()))


def measure(only: Collection[str]) -> Iterator[Measured]:
    """Measure what is chosen."""
    for sessions in _SESSIONS if {"sample", "scrape"} & set(only) else ():
        with Crowd(1, sessions) as crowd:
            yield from _costs(crowd, only, f"{sessions} sessions", SAMPLE_AIM, None)
    if "scrape" in only:
        with Crowd(20, 100) as crowd:
            yield from _costs(crowd, ("scrape",), "20 apps, 100 sessions", None, SCRAPE_AIM)
    for apps in (1, 20) if "status" in only else ():
        with Crowd(apps, 100) as crowd:
            at = f"{apps} apps, 100 sessions, server CPU"
            yield Measured("one refresh of the page", at, "ms", crowd.refreshes(), STATUS_AIM)
    for sessions in _SESSIONS[1:] if "sessions" in only else ():
        with Crowd(1, sessions, debug=True) as crowd:
            yield Measured("one sample", f"{sessions} sessions", "ms", crowd.samples(), SAMPLE_AIM)
            yield Measured("one sample, listing them", f"{sessions} sessions", "ms", crowd.samples(True), None)
    if "sample" in only:
        with Crowd(1, 1) as crowd:
            for millions in _MILLIONS:
                crowd.ask(f"fill {millions * 1_000_000}")
                at = f"{millions} million objects"
                yield from _costs(crowd, only, at, SAMPLE_AIM, None)
                logs = [1000 * seconds for seconds in crowd.ask(f"mem_log {_MEM_LOGS}")]
                yield Measured("Bokeh's mem log at debug", at, "ms", Spread.of(logs))


def _costs(
    crowd: Crowd, only: Collection[str], at: str, sample_aim: float | None, scrape_aim: float | None
) -> Iterator[Measured]:
    if "sample" in only:
        yield Measured("one sample", at, "ms", crowd.samples(), sample_aim)
    if "scrape" in only:
        spread, size = crowd.scrapes()
        yield Measured("one scrape", f"{at}, {size / 1000:.0f} kB", "ms", spread, scrape_aim)


def _sums(exposition: bytes) -> tuple[float, float]:
    found = {name: float(value) for name, value in _DURATION.findall(exposition)}
    return found[b"sum"], found[b"count"]
