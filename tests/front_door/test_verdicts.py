"""The verdict of real servers: in the metric, in /api/v1/status, in the log and by doctor.

What leaks is tried by soak; here is what needs no leak: nothing wrong, sessions that linger, a loop that stands still.
"""

from __future__ import annotations

import functools
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bokeh_exporter.catalogue import VERDICTS

from ..support.servers import ServerProcess, bokeh_serve, panel_serve, python_script, uvicorn
from ..support.versions import HAS_ASGI
from ..support.waiting import wait_until
from ..support.web import get

pytestmark = pytest.mark.front_door

Serve = Callable[[ServerProcess], ServerProcess]

TOKEN = "hush-token"
#: DESIGN's keys; more may come.
KEYS = {
    "schema", "version", "time", "stale_seconds", "verdict", "apps", "hooks", "memory", "history", "callbacks",
    "interactions", "most_rebuilt",
}  # fmt: skip
VERDICT_KEYS = {"name", "others", "evidence", "advice", "since"}
INTERACTION_KEYS = {
    "time", "app", "cause", "functions", "models", "panel", "holoviews", "bytes_sent", "seconds", "rss_change",
}  # fmt: skip
CAUSE_KEYS = {"widget", "label", "property", "old", "new", "file", "line"}
QUICK = {"BOKEH_EXPORTER_VERDICT_PERIOD": "0.3"}
#: A session may stay for a second beyond its time.
LINGER = {**QUICK, "BOKEH_EXPORTER_LINGER_SECONDS": "1"}


def status(server: ServerProcess, token: str | None = None) -> dict[str, Any]:
    answer = get(f"{server.exporter_url}/api/v1/status", token=token)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    content: dict[str, Any] = json.loads(answer.body)
    return content


def until(server: ServerProcess, name: str, *reasons: str) -> dict[str, Any]:
    """Wait for a verdict, of which the metric and the status agree."""

    def met() -> dict[str, Any] | None:
        found = status(server)
        verdict = found["verdict"]
        return found if verdict["name"] == name and set(reasons) <= set(verdict["reasons"]) else None

    found = wait_until(met, 30, f"the verdict is {name} {reasons}")
    flags = server.scrape().by("bokeh_memory_verdict", "verdict")
    assert flags == {verdict: float(verdict == name) for verdict in VERDICTS}
    return found


def doctor(*arguments: str | int, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BOKEH_EXPORTER", "NO_COLOR"))}
    return subprocess.run(
        [sys.executable, "-m", "bokeh_exporter", "doctor", *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=60, env={**clean, **env},
    )  # fmt: skip


def at_a_terminal(*arguments: str, **env: str) -> bytes:
    """Return what doctor says at a terminal."""
    ours, theirs = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    command = [sys.executable, "-m", "bokeh_exporter", "doctor", *arguments]
    with subprocess.Popen(command, stdout=theirs, env={**clean, "TERM": "xterm", **env}) as process:
        os.close(theirs)
        said = b""
        try:
            while chunk := os.read(ours, 65536):
                said += chunk
        except OSError:  # Linux: the other side is closed
            pass
        os.close(ours)
        assert process.wait(30) == 0
    return said


def changes(server: ServerProcess) -> list[tuple[str, str]]:
    """The changes of the verdict that the log tells, each in one line: new and old."""
    return re.findall(r"verdict: (\w+) \(was (\w+)\)", server.log())


CLEAN = [
    pytest.param(lambda: panel_serve("slider_panel.py", env=QUICK), "/slider_panel", id="panel"),
    pytest.param(lambda: bokeh_serve("slider_bokeh.py", env=QUICK), "/slider_bokeh", id="bokeh"),
    pytest.param(
        lambda: uvicorn("asgi_bokeh:app", run=True, env=QUICK), "/slider", id="asgi",
        marks=pytest.mark.skipif(not HAS_ASGI, reason="Bokeh 3.10 has the ASGI host"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("build", "path"), CLEAN)
def test_a_clean_server_is_healthy_from_the_start_and_after_visits(
    serve: Serve, build: Callable[[], ServerProcess], path: str
) -> None:
    server = serve(build())
    until(server, "healthy")
    for _ in range(12):
        server.open_tab(path).close()

    def all_gone() -> bool:
        return server.scrape().total("bokeh_sessions_destroyed_total", app=path) >= 12

    wait_until(all_gone, 30, "the sessions are destroyed")
    seen = len(status(server)["history"]["time"])
    wait_until(lambda: len(status(server)["history"]["time"]) >= seen + 4, 20, "it was judged again")
    found = until(server, "healthy")
    assert found.keys() >= KEYS
    assert found["schema"] == 1
    assert found["verdict"].keys() >= VERDICT_KEYS
    assert (found["verdict"]["others"], found["verdict"]["evidence"]) == ([], [])
    host = "Panel keeps one Document" if "panel" in path else "Bokeh keeps one session"
    for one in found["verdict"]["constant"]:
        assert one == {"app": path, "text": f"normal: {host}, however many visits come"}
    assert 0 <= found["stale_seconds"] < 5
    assert found["time"] >= found["verdict"]["since"]
    (app,) = (app for app in found["apps"] if app["app"] == path)
    assert app["destroyed"]["expired"] + app["destroyed"]["requested"] >= 12
    assert found["hooks"]["ServerSession.destroy"] is True
    assert set(found["hooks"].values()) == {True}
    lengths = {len(column) for column in found["history"].values()}
    assert lengths == {len(found["history"]["time"])}
    assert found["history"]["destroyed"][-1] >= 12
    for interaction in found["interactions"]:
        assert interaction.keys() >= INTERACTION_KEYS
        assert interaction["cause"].keys() == CAUSE_KEYS
        assert interaction["models"].keys() == {"created", "removed", "reused"}
    assert len(found["interactions"]) >= 12
    assert changes(server) == []


def test_doctor_says_it_plainly_or_in_colour_by_url_or_pid(serve: Serve) -> None:
    # Without the socket by which the server's own user needs no token.
    env = {**QUICK, "BOKEH_EXPORTER_TOKEN": TOKEN, "BOKEH_EXPORTER_LOCAL_DEBUG": "0"}
    server = serve(bokeh_serve("slider_bokeh.py", env=env))
    url = server.exporter_url
    for target in (f"{url}/", server.pid):
        done = doctor(target, "--token", TOKEN)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("healthy  since ")
        assert "\x1b" not in done.stdout
        assert re.search(r"^(\d+) of \1 hooks active$", done.stdout, re.MULTILINE)
    assert b"\x1b[32m\x1b[1mhealthy" in at_a_terminal(url, "--token", TOKEN)
    assert b"\x1b[" not in at_a_terminal(url, "--token", TOKEN, NO_COLOR="1")
    as_json = doctor(url, "--json", BOKEH_EXPORTER_TOKEN=TOKEN)
    assert json.loads(as_json.stdout)["verdict"]["name"] == "healthy"

    for arguments in ((url,), (server.pid, "--token", "another")):
        done = doctor(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert re.fullmatch(r"bokeh-exporter: http://\S+ cannot be asked: .*--token\n", done.stderr)


def test_doctor_names_what_it_cannot_ask(serve: Serve, free_port: int) -> None:
    bare = serve(bokeh_serve("slider_bokeh.py", run=False))
    for target, status, words in (
        (f"http://127.0.0.1:{free_port}", 2, "cannot be asked: Connection refused"),
        (bare.url, 2, "answers 404"),
        (bare.pid, 2, f"no bokeh_exporter listens in process {bare.pid}"),
        (2**22 + 7, 2, "there is no process 4194311"),
        (f"localhost:{free_port}", 2, "cannot be asked: Connection refused"),
        ("localhost", 64, "is neither a URL nor a PID"),
    ):
        done = doctor(target)
        assert (done.returncode, done.stdout) == (status, ""), target
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_a_sweep_that_hangs_lets_sessions_linger_and_is_named(serve: Serve) -> None:
    server = serve(python_script("hanging_hooks.py", env=LINGER))
    with server.open_tab("/good", "hook=hang-destroyed"):
        pass
    for _ in range(3):
        server.get("/good")
    found = until(server, "lingering_sessions", "sweep")
    assert "hook" in found["verdict"]["advice"]
    assert found["verdict"]["evidence"][0]["app"] == "/good"
    done = doctor(server.exporter_url)
    assert done.returncode == 1
    assert done.stdout.startswith("lingering_sessions  since ")
    assert found["verdict"]["advice"] in done.stdout
    assert changes(server) == [("lingering_sessions", "healthy")]
    (line,) = re.findall(r"^.*verdict: lingering_sessions .*$", server.log(), re.MULTILINE)
    assert "the sweep of unused sessions last finished" in line
    assert found["verdict"]["advice"] in line


def test_probes_that_never_connect_are_named_until_they_stop(serve: Serve) -> None:
    few = {**LINGER, "BOKEH_EXPORTER_UNUSED_SESSIONS": "2"}  # a busy machine makes as many in 3 s
    server = serve(bokeh_serve("slider_bokeh.py", env=few, lifetime_ms=3000))

    def probed() -> bool:
        server.get("/slider_bokeh")
        return "probes" in status(server)["verdict"]["reasons"]

    wait_until(probed, 40, "probes are named")
    assert "Point probes at the exporter's /healthz" in server.log()
    until(server, "healthy")
    assert changes(server) == [("lingering_sessions", "healthy"), ("healthy", "lingering_sessions")]


def stalled_for(content: dict[str, Any]) -> int:
    """Return the seconds in the first sentence of the evidence."""
    found = re.search(r"has not ticked for (\d+) s", content["verdict"]["evidence"][0]["text"])
    assert found is not None
    return int(found[1])


def test_a_blocked_loop_is_told_while_it_is_blocked(serve: Serve, tmp_path: Path) -> None:
    env = {"RELEASE": str(tmp_path / "release"), "BOKEH_EXPORTER_STALL_AFTER": "1"}  # and the period as it comes
    server = serve(bokeh_serve("stalling_bokeh.py", env=env, lifetime_ms=60_000))
    server.open_tab("/stalling_bokeh").click("blocks", wait=False)
    server.wait_log("^blocked$")
    found = until(server, "event_loop_stalled", "loop")
    assert "stalling_bokeh.py:blocks" in found["verdict"]["evidence"][0]["text"]
    wait_until(lambda: status(server)["stale_seconds"] > 2, 20, "the sample is old")
    first = stalled_for(found)
    wait_until(lambda: stalled_for(status(server)) > first + 1, 20, "it says for how long by now")
    done = doctor(server.pid)
    assert done.returncode == 1
    assert re.match(r"event_loop_stalled  since .*\n  - the event loop has not ticked for \d+ s; ", done.stdout)
    (tmp_path / "release").touch()
    until(server, "healthy")
    assert changes(server) == [("event_loop_stalled", "healthy"), ("healthy", "event_loop_stalled")]


@pytest.mark.once
def test_a_session_that_grows_slowly_is_found_within_hours_of_a_clock_that_is_put_forward(serve: Serve) -> None:
    server = serve(bokeh_serve("ageing_bokeh.py", env={"BOKEH_EXPORTER_VERDICT_PERIOD": "0.05"}, lifetime_ms=60_000))

    def seen(after: float = 0.0) -> float | None:
        *samples, _ = status(server)["history"]["time"]  # the last is of now, and in no history
        return samples[-1] if samples and samples[-1] > after else None

    with server.open_tab("/ageing_bokeh") as tab:
        for _ in range(120):  # twelve minutes each; it takes 4 hours, and longer where the process is noisy
            later = (seen() or 0.0) + 600
            tab.click("pass", wait=False)
            wait_until(functools.partial(seen, later), 30, "it is later, and there is a sample")
            verdict = status(server)["verdict"]
            if verdict["name"] != "healthy":
                break
    (found,) = verdict["evidence"]
    assert verdict["name"] == "session_growth"
    # By its floors after five hours; where the process is noisy, by its blocks and what ran later.
    by_floors = r"\+[\d.]+ MB per day: .* more in \d+ h in which no session started or ended"
    assert re.match(rf"{by_floors}|1 open session of \S+ grew by \d+ blocks .*pass_on ran", found["text"])
    assert found["app"] == "/ageing_bokeh"
