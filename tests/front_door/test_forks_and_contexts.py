"""What the exporter must not hand on: its socket to a child that the user forks, a context to its own timers."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from ..support.collector import Collector
from ..support.servers import ServerProcess, answers, python_script
from ..support.tabs import open_tab
from ..support.waiting import wait_until

Serve = Callable[[ServerProcess], ServerProcess]
pytestmark = pytest.mark.front_door

SESSIONS = 5


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_holds_no_socket_and_counts_nothing(serve: Serve) -> None:
    server = serve(python_script("forking.py"))
    port = int(server.exporter_url.rpartition(":")[2])
    with server.open_tab("/app") as tab:
        server.scrape()
        tab.click("go", wait=False)
        said = wait_until(lambda: tab.value("out", "text"), 20, "the child has answered")
        child, parent = json.loads(said)["child"], json.loads(said)["parent"]
        assert parent["pid"] == server.pid != child["pid"]
        # The same session is counted in the parent and not in the child.
        assert (parent["created"], child["created"]) == (1.0, None)
        # Bokeh's own socket is the user's affair; ours is not in the child, and the parent has both.
        assert child["listens"] == [server.ports[0]]
        assert sorted(parent["listens"]) == sorted([server.ports[0], port])
        assert port not in child["connected"]
        assert (parent["port"], child["port"]) == (port, None)
        after = server.scrape()
        assert after.value("bokeh_sessions", app="/app", state="connected") == 1
        assert after.value("bokeh_sessions_created_total", app="/inner") == 1
        assert after.total("bokeh_exporter_errors_total") == 0
    wait_until(lambda: server.scrape().total("bokeh_sessions_destroyed_total", app="/app") == 1, 20, "parent serves on")

    os.kill(server.pid, signal.SIGKILL)
    server.wait_exit()
    assert psutil.Process(child["pid"]).is_running()
    assert answers(server.ports[0])  # what an inherited socket does
    assert not answers(port)
    psutil.Process(child["pid"]).kill()


def report(server: ServerProcess, number: int) -> dict[str, Any]:
    """Ask for the next report."""
    os.kill(server.pid, signal.SIGUSR1)
    lines = wait_until(
        lambda: (
            found if len(found := [line for line in server.log().splitlines() if "REPORT" in line]) > number else None
        )
    )
    answer: dict[str, Any] = json.loads(lines[number].partition("REPORT ")[2])
    return answer


def visits(server: ServerProcess) -> None:
    for _ in range(SESSIONS):
        with open_tab(server.url, "/app") as tab:
            tab.click("go", wait=False)
            wait_until(lambda: tab.value("out", "text") == "started", 10, "the task was started")


def lowest(server: ServerProcess) -> dict[str, Any]:
    """Report until what Bokeh itself still holds (the last session's Document) no longer changes anything."""
    number = 0
    answer: dict[str, Any] = {}

    def settled() -> bool:
        nonlocal number, answer
        answer = report(server, number)
        number += 1
        return bool(answer["alive"] <= 1)

    wait_until(settled, 20, f"at most one Document of {SESSIONS} is alive: {answer}", interval=0.3)
    return answer


@pytest.mark.parametrize("way", ["installed", "traced", "without"])
def test_a_task_that_never_ends_holds_no_document(serve: Serve, way: str) -> None:
    """Without the exporter too: then it is the host that holds, and the other test says nothing."""
    with Collector() as collector:
        url = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.grpc_url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        env: dict[str, str | None] = {**url, "BOKEH_EXPORTER_OTLP": "1"} if way == "traced" else {}
        server = serve(python_script("contexts.py", *(["--install"] if way != "without" else []), env=env))
        visits(server)
        if way == "traced":  # the tasks' contexts have spans in them
            wait_until(lambda: [span.name for span in collector.spans()].count("next_tick /app") == SESSIONS, 20)
        found = lowest(server)
        assert found["tasks"] == SESSIONS
    if way != "without":
        server.scrape()
        seen = report(server, server.log().count("REPORT"))["seen"]
        # The user's server runs in the user's context; the exporter's timers and thread in an empty one.
        assert seen == {"sampler": ["nothing"], "timer": ["nothing"], "thread": ["nothing"], "loop": ["the user's"]}
