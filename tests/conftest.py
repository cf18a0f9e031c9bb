"""Fixtures: a factory that starts servers and ends them, and shows their logs when a test failed."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
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
    """Let what takes long begin first in each worker's share, and what takes no time last.

    A worker that has run out of tests takes another's last ones: it finds short ones there, and nobody waits.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    turns = sorted(items, key=_turn)
    # Neighbours stay together: of a file that starts a server for all its tests, few workers start one.
    shares: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for turn, group in itertools.groupby(turns, _turn):
        found = list(group)
        for worker, share in enumerate(shares):
            share += found[worker::workers] if turn == 0 else found[_part(found, worker, workers)]
    items[:] = itertools.chain.from_iterable(shares)


def _turn(item: pytest.Item) -> int:
    if item.get_closest_marker("long"):
        return 0
    return 1 if "front_door" in item.path.parts else 2


def _part(found: list[pytest.Item], worker: int, workers: int) -> slice:
    return slice(round(len(found) * worker / workers), round(len(found) * (worker + 1) / workers))


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
