"""Nothing is lost at what the machine carries: many short sessions beside many open websockets, every counter compared.

``python -m benchmarks.load --sessions 10000 --sockets 300`` serves the small app with the exporter at the level ``all``
and OpenTelemetry on, sent to a collector of ours that takes everything. It keeps that many websockets open, each
sending messages one after the other, opens and closes that many sessions beside them, and scrapes each second. In the
end the exporter's counters must be what this client counted, message by message. Status 1 if one is not.
"""

from __future__ import annotations

import argparse
import asyncio
import http.server
import os
import sys
import threading
import time
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from tornado.httpclient import AsyncHTTPClient

from .clients import Session, get
from .servers import PLAIN, Server

#: Short sessions that are open at the same time.
_TOGETHER = 10
#: Seconds for the server to notice who has left, and for its sweep.
_SETTLES = 60.0
#: Milliseconds that a session without a browser lives, and between two sweeps.
_LIFETIME = "1000"


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes what OpenTelemetry sends."""

    requests = 0

    def do_POST(self) -> None:
        """Take it."""
        self.rfile.read(int(self.headers["Content-Length"]))
        type(self).requests += 1
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class Counted:
    """What this client did, and saw."""

    def __init__(self) -> None:
        self.sessions = self.messages = self.presses = self.scrapes = 0
        self.slowest = 0.0
        self.ends = False


async def short(url: str, counted: Counted, count: int) -> None:
    """Open and close sessions, with a press each."""

    left = iter(range(count))

    async def visits() -> None:
        for _ in left:
            session = await Session.visit(url)
            counted.sessions += 1
            await session.press(session.model("Press"))
            counted.presses += 1
            await session.close()

    await asyncio.gather(*(visits() for _ in range(_TOGETHER)))


async def steady(session: Session, counted: Counted, pause: float) -> None:
    """Send messages until the end, one after the other, with seconds in between."""
    level, value = session.model("Level"), 0
    while not counted.ends:
        value += 1
        await session.change(level, value % 1000)
        counted.messages += 1
        await asyncio.sleep(pause)


async def scraping(metrics: str, counted: Counted) -> None:
    """Scrape each second."""
    while not counted.ends:
        begin = time.perf_counter()
        await get(metrics)
        counted.scrapes += 1
        counted.slowest = max(counted.slowest, time.perf_counter() - begin)
        await asyncio.sleep(1)


async def read(metrics: str) -> dict[str, float]:
    """Return the sums of what is compared."""
    text = (await get(metrics)).decode()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            message = sample.labels.get("message", "")
            found[sample.name] = found.get(sample.name, 0) + sample.value
            if message:
                found[f"{sample.name} {message}"] = found.get(f"{sample.name} {message}", 0) + sample.value
    return found


async def opened(url: str, count: int) -> list[Session]:
    """Open sessions, some at a time."""
    found: list[Session] = []

    left = count
    while left:
        left -= (part := min(left, _TOGETHER))
        found += await asyncio.gather(*(Session.visit(url) for _ in range(part)))
    return found


async def main(sessions: int, sockets: int, pause: float) -> int:
    """Serve, load, compare; return the status."""
    AsyncHTTPClient.configure(None, max_clients=50, defaults={"request_timeout": 600.0, "connect_timeout": 600.0})
    collector = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    os.environ.update(
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}",
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf", OTEL_METRIC_EXPORT_INTERVAL="5000",
        BOKEH_EXPORTER_OTLP="1",
    )  # fmt: skip
    counted = Counted()
    with Server(PLAIN, True, "all", _LIFETIME) as server:
        server.wait()
        assert server.metrics is not None
        kept = await opened(server.url, sockets)
        counted.sessions += sockets
        begin, first = time.monotonic(), server.rss()
        tasks = [asyncio.create_task(steady(each, counted, pause)) for each in kept]
        tasks.append(asyncio.create_task(scraping(server.metrics, counted)))
        for _ in range(10):
            await short(server.url, counted, sessions // 10)
            done = f"{counted.sessions:6} sessions, {counted.messages:7} messages, {counted.scrapes:4} scrapes"
            took = f"the slowest {1000 * counted.slowest:.0f} ms, {server.rss():.0f} MB resident"
            print(f"{done}, {took}, {time.monotonic() - begin:.0f} s", flush=True)
        counted.ends = True
        await asyncio.gather(*tasks)
        wanted = {
            "bokeh_sessions_created_total": counted.sessions,
            "bokeh_websocket_received_messages_total PATCH-DOC": counted.messages + counted.presses,
            "bokeh_websocket_received_messages_total PULL-DOC-REQ": counted.sessions,
            "bokeh_sessions_destroyed_total": counted.sessions - sockets,
            "bokeh_callback_calls_total": counted.presses,
            "bokeh_exporter_errors_total": 0,
            "bokeh_exporter_overflow_total": 0,
            "bokeh_exporter_unwritable_series_total": 0,
        }
        until = time.monotonic() + _SETTLES
        while (wrong := compared(await read(server.metrics), wanted)) and time.monotonic() < until:
            await asyncio.sleep(0.5)
        print(f"resident {first:.0f} -> {server.rss():.0f} MB, {Collector.requests} requests to the collector")
    for name, (got, want) in wrong.items():
        print(f"WRONG {name}: {got:g}, must be {want:g}")
    print("all counters exact" if not wrong else f"{len(wrong)} counters are wrong")
    return 1 if wrong or not Collector.requests else 0


def compared(found: dict[str, float], wanted: dict[str, int]) -> dict[str, tuple[float, int]]:
    """Return what is not as it must be."""
    return {name: (found.get(name, 0), want) for name, want in wanted.items() if found.get(name, 0) != want}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--sessions", type=int, default=1000, help="short ones")
    parser.add_argument("--sockets", type=int, default=100, help="that stay open")
    parser.add_argument("--pause", type=float, default=5.0, help="seconds between two messages of each of these")
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.sessions, given.sockets, given.pause)))
