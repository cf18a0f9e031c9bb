"""``bokeh-exporter demo`` as a newcomer starts it: it says what leaks and who holds it, and then it is gone."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from typing import Any

import psutil
import pytest

from ..support import free_port, get
from ..support.servers import environment

pytestmark = pytest.mark.once

DEMO = [sys.executable, "-m", "bokeh_exporter", "demo"]


@pytest.mark.long
@pytest.mark.timeout(240)
def test_it_says_what_leaks_and_who_holds_it_and_leaves_nothing_behind() -> None:
    port, exporter_port = free_port(), free_port()
    command = [*DEMO, "--port", str(port), "--exporter-port", str(exporter_port), "--prometheus", "--json"]
    # Whoever runs in the background of a shell inherits that Ctrl-C is ignored; a newcomer's terminal does not.
    demo = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment({}), start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert demo.stdout is not None
    events: list[dict[str, Any]] = []
    try:
        for line in demo.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] == "retained":
                break
        started, retained = events[0], events[-1]
        assert started["event"] == "started"
        assert [app for app in started["apps"] if get(started["apps"][app]).status == 200] == list(started["apps"])
        assert get(f"{started['prometheus']}/-/ready").status == 200
        assert 'data-verdict="retained_sessions"' in get(f"{started['page']}/").text
        assert {one["app"] for one in retained["retained"]} == {"/retaining"}
        assert "LISTENERS" in retained["retained"][0]["text"]
        children = psutil.Process(demo.pid).children(recursive=True)
        assert len(children) >= 2
        demo.send_signal(signal.SIGINT)
        assert demo.wait(30) == 0
        assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
    finally:
        demo.terminate()
        demo.stdout.close()
        demo.wait(30)


def test_a_busy_port_is_told_in_one_line(free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)):
        done = subprocess.run(
            [*DEMO, "--port", str(free_port)], capture_output=True, text=True, check=False, timeout=60
        )
    assert (done.returncode, done.stdout) == (2, "")
    assert f"port {free_port} is in use" in done.stderr
    assert f"--port {free_port + 1}" in done.stderr
