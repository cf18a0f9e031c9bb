"""What a fleet costs Prometheus: one real Prometheus scrapes many simulated servers.

    python -m benchmarks.fleet [--servers 50,100,200] [--minutes 4]

A simulated server answers with the exposition of a real one (recorded at the start, from a Panel server that is
visited), with its counters and timestamps moving on. The rules of grafana/rules run as shipped. Each number of
servers gets a Prometheus of its own; what it costs is asked of its own metrics, and every query of the Fleet
board is timed over the whole time. `docs/scaling.md` carries the growth on to 1,000 on paper.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPServerRequest, ResponseStartLine

from .clients import Session
from .servers import PANELS, Server

ROOT = Path(__file__).parents[1]
RULES = ROOT / "grafana" / "rules"
BOARD = ROOT / "grafana" / "dashboards" / "bokeh-fleet.json"
SCRAPE_SECONDS = 15
#: A sample's line: name, labels, value.
_LINE = re.compile(r"^(?P<series>[a-zA-Z_:][\w:]*(?:\{.*\})?) (?P<value>\S+)$")
_MONOTONE = re.compile(r"_(total|count|sum|bucket)$")
_QUERIES = (
    ("series", "prometheus_tsdb_head_series"),
    ("samples per second", "sum(rate(prometheus_tsdb_head_samples_appended_total[2m]))"),
    ("memory, MB", "process_resident_memory_bytes / 1e6"),
    ("processor, share of one", "rate(process_cpu_seconds_total[2m])"),
    ("slowest scrape, s", 'max(scrape_duration_seconds{job="bokeh"})'),
    ("rule evaluation, s", "sum(prometheus_rule_group_last_duration_seconds)"),
    ("servers up", 'sum(up{job="bokeh"})'),
)


def record() -> str:
    """Return the exposition of a real server with some sessions behind it."""

    async def visit(url: str) -> None:
        sessions = [await Session.visit(url) for _ in range(5)]
        del sessions

    with Server(PANELS, True) as server:
        server.wait()
        asyncio.run(visit(server.url))
        with urlopen(server.metrics or "", timeout=30) as answer:
            return str(answer.read().decode())


class Fleet:
    """Simulated servers: one listener, a path for each, every line of the recorded exposition with a moving value."""

    def __init__(self, text: str) -> None:
        self._parts: list[tuple[str, float, str] | str] = []
        for line in text.splitlines():
            found = _LINE.match(line)
            if found is None:
                self._parts.append(line)
                continue
            name = found["series"].partition("{")[0]
            kind = "time" if name.endswith("_timestamp_seconds") else "count" if _MONOTONE.search(name) else "level"
            self._parts.append((found["series"], float(found["value"]), kind))
        self._begun = time.time()

    @property
    def lines(self) -> int:
        """How many samples one scrape has."""
        return sum(not isinstance(part, str) for part in self._parts)

    def exposition(self, server: int) -> bytes:
        """Return what one of the servers says now."""
        now = time.time()
        grown = 1 + (now - self._begun) * (1 + server % 7) / 100
        lines = []
        for part in self._parts:
            if isinstance(part, str):
                lines.append(part)
                continue
            series, value, kind = part
            if kind == "count":
                value = round(value * grown, 3)  # all of a histogram by one factor: it stays one
            elif kind == "time":
                value = now - 0.05
            lines.append(f"{series} {value}")
        return ("\n".join(lines) + "\n").encode()

    def answer(self, request: HTTPServerRequest) -> None:
        """Answer one scrape."""
        body = self.exposition(int(request.path.split("/")[1]))
        headers = HTTPHeaders({"Content-Type": "text/plain; version=0.0.4", "Content-Length": str(len(body))})
        assert request.connection is not None
        request.connection.write_headers(ResponseStartLine("HTTP/1.1", 200, "OK"), headers, body)
        request.connection.finish()


@contextmanager
def serving(fleet: Fleet) -> Iterator[int]:
    """Serve in a thread of its own; yield the port."""
    port, loop = _free_port(), asyncio.new_event_loop()

    def run() -> None:
        asyncio.set_event_loop(loop)
        HTTPServer(fleet.answer).listen(port, "127.0.0.1")
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield port
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


@contextmanager
def prometheus(port: int, servers: int) -> Iterator[str]:
    """Start a Prometheus that scrapes so many servers with the rules as shipped; yield its address."""
    folder, own = Path(tempfile.mkdtemp(prefix="fleet-")), _free_port()
    rules = [str(path) for path in sorted(RULES.glob("*.yaml")) if not path.stem.endswith("_test")]
    targets = [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"__metrics_path__": f"/{n}/metrics", "instance": f"pod-{n:04}",
                                                      "namespace": f"team-{n % 10}", "pod": f"pod-{n:04}"}}
        for n in range(servers)
    ]  # fmt: skip
    config = {
        "global": {"scrape_interval": f"{SCRAPE_SECONDS}s", "evaluation_interval": "30s"},
        "rule_files": rules,
        "scrape_configs": [
            {"job_name": "bokeh", "static_configs": targets},
            {"job_name": "prometheus", "static_configs": [{"targets": [f"127.0.0.1:{own}"]}]},
        ],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
             f"--web.listen-address=127.0.0.1:{own}"],
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{own}"
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder)


def ask(address: str, path: str, **query: Any) -> Any:
    """Ask Prometheus' API."""
    with urlopen(f"{address}/api/v1/{path}?{urlencode(query)}", timeout=60) as answer:
        return json.load(answer)["data"]["result"]


def expressions() -> Iterator[str]:
    """Yield each query of the Fleet board, its variables filled in as a person sees it who has chosen nothing."""

    def walk(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for panel in panels:
            yield panel
            yield from walk(panel.get("panels", []))

    for panel in walk(json.loads(BOARD.read_text(encoding="utf-8"))["panels"]):
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$__rate_interval", "1m").replace("$__interval", "15s")
            yield re.sub(r"\$\{?\w+(:\w+)?\}?", ".*", expression.replace("$__range", "1h"))


def measure(servers: int, minutes: float, port: int) -> dict[str, float]:
    """Let Prometheus scrape for a while; return what it cost."""
    with prometheus(port, servers) as address:
        time.sleep(minutes * 60)
        found = {}
        for name, query in _QUERIES:
            result = ask(address, "query", query=query)
            found[name] = float(result[0]["value"][1]) if result else float("nan")
        now, times = time.time(), []
        for expression in expressions():
            begun = time.perf_counter()
            ask(address, "query_range", query=expression, start=now - 3600, end=now, step=SCRAPE_SECONDS)
            times.append(time.perf_counter() - begun)
        found["Fleet board, queries"] = len(times)
        found["Fleet board, median query, s"] = statistics.median(times)
        found["Fleet board, slowest query, s"] = max(times)
        return found


def main() -> None:
    """Measure each number of servers and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__.split("\n")[0])
    parser.add_argument("--servers", default="50,100,200")
    parser.add_argument("--minutes", type=float, default=4.0)
    given = parser.parse_args()
    if shutil.which("prometheus") is None:
        sys.exit("prometheus is not installed: apt-get install prometheus")
    fleet = Fleet(record())
    numbers = [int(each) for each in given.servers.split(",")]
    print(f"{fleet.lines} samples a server, scraped every {SCRAPE_SECONDS} s for {given.minutes:g} minutes", flush=True)
    columns = []
    with serving(fleet) as port:
        for servers in numbers:
            columns.append(measure(servers, given.minutes, port))
            print(f"{servers} servers: {json.dumps(columns[-1])}", flush=True)
    print("| | " + " | ".join(f"{servers} servers" for servers in numbers) + " |")
    print("| --- |" + " ---: |" * len(numbers))
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(f"{column[name]:,.3g}" for column in columns) + " |")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
