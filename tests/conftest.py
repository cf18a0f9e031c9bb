"""Fixtures: a factory that starts servers and ends them, and shows their logs when a test failed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from .support import ServerProcess
from .support import free_port as find_free_port

Serve = Callable[[ServerProcess], ServerProcess]

_SERVERS = pytest.StashKey[list[ServerProcess]]()


@pytest.fixture
def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    return find_free_port()


@pytest.fixture
def serve(request: pytest.FixtureRequest) -> Iterator[Serve]:
    """Start servers: ``serve(panel_serve("slider_panel.py"))``. They end with the test."""
    servers: list[ServerProcess] = []
    request.node.stash[_SERVERS] = servers

    def start(server: ServerProcess) -> ServerProcess:
        servers.append(server)
        return server.start()

    yield start
    for server in reversed(servers):
        server.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what takes long begin first in each worker's share: at the end the others would wait for it."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if item.get_closest_marker("long")]
    short = [item for item in items if not item.get_closest_marker("long")]
    share = len(short) / workers
    items[:] = [
        item
        for worker in range(workers)
        for item in (*long[worker::workers], *short[round(share * worker) : round(share * (worker + 1))])
    ]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let tests that are marked ``alone`` for the same thing run one after the other, in whatever worker.

    Not by xdist's groups, which pytest 9.2 takes no notice of. Before the time-out begins: it may be a wait.
    """
    with contextlib.ExitStack() as held:
        for mark in item.iter_markers("alone"):
            path = (
                Path(tempfile.gettempdir())
                / f"bokeh_exporter-tests-{os.getuid()}-{mark.args[0].replace(' ', '-')}.lock"
            )
            fcntl.flock(held.enter_context(path.open("w")), fcntl.LOCK_EX)
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the logs of a failed test's servers into its report."""
    report = yield
    if report.when == "call" and report.failed:
        for server in item.stash.get(_SERVERS, []):
            report.sections.append((f"log of {server}", server.log()[-20_000:]))
    return report
