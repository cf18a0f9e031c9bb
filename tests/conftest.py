"""Fixtures: a factory that starts servers and ends them, and shows their logs when a test failed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

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
