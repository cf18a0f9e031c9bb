"""Every way of switching the exporter on: the real thing is started, visited over a websocket and scraped."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from bokeh.util.token import generate_jwt_token, generate_session_id

from ..support.scrapes import Scrape, scrape
from ..support.servers import (
    APPS,
    SETUP_SCRIPT,
    ServerProcess,
    bokeh_serve,
    environment,
    panel_serve,
    python_script,
    uvicorn,
)
from ..support.tabs import Refused, Tab, open_tab
from ..support.versions import HAS_ASGI, line_ships
from ..support.waiting import wait_until
from ..support.web import get

pytestmark = pytest.mark.front_door

Serve = Callable[[ServerProcess], ServerProcess]

LONG_MS = 60_000
ON_PATH = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])}
EXPORTER = [sys.executable, "-m", "bokeh_exporter"]


def until(url: str, condition: Callable[[Scrape], object], message: str) -> Scrape:
    """Scrape until the condition holds, and return that scrape."""

    def met() -> Scrape | None:
        scraped = scrape(url)
        return scraped if condition(scraped) else None

    return wait_until(met, 20, message)


def life(server: ServerProcess, app: str, path: str | None = None, *, reason: str = "expired", port: int = 0) -> Scrape:
    """Open a session and close it again: connected and created are 1, then destroyed is. Return the last scrape."""
    before = until(server.exporter_url, lambda s: s.total("bokeh_sessions", app=app) == 0, f"{app} at rest")
    created = before.total("bokeh_sessions_created_total", app=app)
    destroyed = before.total("bokeh_sessions_destroyed_total", app=app)
    with open_tab(server.urls[port], path or app):
        live = until(
            server.exporter_url,
            lambda s: s.value("bokeh_sessions", app=app, state="connected") == 1,
            f"{app} connected",
        )
        # On a busy machine a first session may have expired before the browser connected, which makes another.
        early = live.total("bokeh_sessions_destroyed_total", app=app) - destroyed
        assert live.total("bokeh_sessions_created_total", app=app) - created - early == 1
        destroyed += early
        assert live.total("bokeh_websocket_connections", app=app) == 1
        assert live.total("bokeh_document_models", app=app) > 0
    gone = until(
        server.exporter_url,
        lambda s: s.total("bokeh_sessions_destroyed_total", app=app) == destroyed + 1,
        f"{app} destroyed",
    )
    assert gone.value("bokeh_sessions_destroyed_total", app=app, reason=reason) == destroyed + 1
    gone = until(server.exporter_url, lambda s: s.total("bokeh_sessions", app=app) == 0, f"{app} has no session")
    assert gone.total("bokeh_exporter_errors_total") == 0
    return gone


def switches(scraped: Scrape) -> set[str]:
    """Return the flags of ``bokeh_server_config_info`` that are on."""
    ((labels, value),) = scraped.values("bokeh_server_config_info").items()
    assert value == 1
    assert {name for name, _ in labels} == {"autoreload", "warm", "reuse_sessions", "admin", "profiler"}
    return {name for name, flag in labels if flag == "true"}


def neighbours(count: int) -> int:
    """Return the first of so many free ports in a row."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            base: int = first.getsockname()[1]
        try:
            for port in range(base, base + count):
                with socket.socket() as sock:
                    sock.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            continue
        return base


def listening(pid: int) -> set[int]:
    """Return the ports that a process listens on."""
    process = psutil.Process(pid)
    found = (getattr(process, "net_connections", None) or process.connections)("inet")  # by its name before psutil 6
    return {each.laddr.port for each in found if each.status == psutil.CONN_LISTEN}


# --- Panel -----------------------------------------------------------------------------------------


def setup_script() -> Path:
    """What ``"$(bokeh-exporter setup-script)"`` is."""
    said = subprocess.run(
        [*EXPORTER, "setup-script"], check=True, capture_output=True, text=True, env=environment({})
    ).stdout
    assert said.count("\n") == 1
    return Path(said.strip())


@pytest.mark.parametrize("script", ["example", "installed"])
def test_panel_setup(serve: Serve, script: str) -> None:
    server = serve(panel_serve("slider_panel.py", setup=SETUP_SCRIPT if script == "example" else setup_script()))
    seen = life(server, "/slider_panel")
    assert switches(seen) == set()
    ((build, _),) = seen.values("bokeh_exporter_build_info").items()
    for package in ("bokeh", "panel", "tornado"):
        assert dict(build)[package] == importlib.metadata.version(package)
    log = server.log()
    assert re.findall(r"bokeh_exporter \S+ serves (\S+)/metrics, level callback, all hooks active$", log, re.M) == [
        server.exporter_url
    ]


def test_panel_with_warm_and_admin(serve: Serve) -> None:
    server = serve(panel_serve("slider_panel.py", "--warm", "--admin"))
    seen = life(server, "/slider_panel")
    assert switches(seen) == {"warm", "admin"}
    # The admin page is an application like any other: known, and at zero, before its first visit.
    assert seen.total("bokeh_sessions_created_total", app="/admin") == 0
    assert ("app", "/admin") in {pair for sample in seen.values("bokeh_sessions_created_total") for pair in sample}
    with server.open_tab("/admin"):
        until(
            server.exporter_url,
            lambda s: s.value("bokeh_sessions", app="/admin", state="connected") == 1,
            "the admin page is open",
        )
    assert server.scrape().total("bokeh_exporter_errors_total") == 0


def test_panel_with_reused_sessions_and_profiler(serve: Serve) -> None:
    server = serve(panel_serve("slider_panel.py", "--reuse-sessions", "--profiler", "snakeviz"))
    assert switches(server.scrape()) == {"reuse_sessions", "profiler"}
    with server.open_tab("/slider_panel"):
        until(
            server.exporter_url,
            lambda s: s.value("bokeh_sessions", app="/slider_panel", state="connected") == 1,
            "open",
        )


def test_panel_with_autoreload(serve: Serve, tmp_path: Path) -> None:
    app = tmp_path / "watched.py"
    app.write_text((APPS / "slider_panel.py").read_text())
    server = serve(panel_serve(app, "--autoreload"))
    seen = life(server, "/watched")
    assert switches(seen) == {"autoreload"}
    assert seen.value("bokeh_server_app_reloads_total") == 0

    def changed() -> bool:
        # Written again each time: the watcher may not have been looking yet.
        app.write_text(app.read_text() + "#\n")
        return server.scrape().total("bokeh_server_app_reloads_total") >= 1

    with server.open_tab("/watched"):
        wait_until(changed, 20, "a reload is counted", interval=1.0)
    life(server, "/watched")


def visit_both(server: ServerProcess, base: int, app: str) -> None:
    """Open tabs on two processes that share a port, and find them all in their scrapes."""
    urls = server.exporter_urls(2)
    assert sorted(urls) == [f"http://127.0.0.1:{base}", f"http://127.0.0.1:{base + 1}"]
    children = [child.pid for child in psutil.Process(server.pid).children()]
    assert len(children) == 2
    assert sorted(tuple(listening(child) - {server.ports[0]}) for child in children) == [(base,), (base + 1,)]
    assert listening(server.pid) - {server.ports[0]} == set()

    def total(name: str, **labels: str) -> float:
        return sum(scrape(url).total(name, app=app, **labels) for url in urls)

    # Without a page first, which another process might answer than the websocket.
    tabs = [
        open_tab(server.url, app, token=generate_jwt_token(generate_session_id()))
        for _ in range(4)
    ]  # fmt: skip
    wait_until(lambda: total("bokeh_sessions", state="connected") == 4, 20, "four connected")
    assert total("bokeh_sessions_created_total") == 4
    for tab in tabs:
        tab.close()
    wait_until(lambda: total("bokeh_sessions_destroyed_total", reason="expired") == 4, 20, "four destroyed")
    for url in urls:
        assert scrape(url).total("bokeh_exporter_errors_total") == 0


def test_panel_with_two_processes(serve: Serve) -> None:
    base = neighbours(2)
    server = serve(panel_serve("slider_panel.py", "--num-procs", "2", env={"BOKEH_EXPORTER_PORT": str(base)}))
    visit_both(server, base, "/slider_panel")


# --- bokeh-exporter run ----------------------------------------------------------------------------


def command(server: ServerProcess) -> list[str]:
    """Return the arguments that the process has now, without the interpreter and the script."""
    return psutil.Process(server.pid).cmdline()[2:]


def test_run_bokeh_serve_is_the_same_process(serve: Serve) -> None:
    words: list[str | Path] = ["bokeh", "serve", APPS / "slider_bokeh.py", "--port", "{port}", "--address", "127.0.0.1"]
    words += ["--unused-session-lifetime", "500", "--check-unused-sessions", "200", "--args", "a b", "--port"]
    server = serve(ServerProcess([*EXPORTER, "run", *words], env=ON_PATH))
    life(server, "/slider_bokeh")
    assert listening(server.pid) == {server.ports[0], int(server.exporter_url.rpartition(":")[2])}
    assert command(server) == [str(word).replace("{port}", str(server.ports[0])) for word in words[1:]]
    assert psutil.Process(server.pid).children() == []


def test_run_leaves_sigterm_to_the_server(serve: Serve) -> None:
    ends: list[tuple[int, list[str]]] = []
    for run in (True, False):
        server = serve(bokeh_serve("slider_bokeh.py", run=run))
        assert server.get("/nowhere").status == 404  # its loop runs: before that it has no handlers
        server.terminate()
        ends.append((server.wait_exit(), re.findall(r"^.*shutting down", server.log(), re.M)))
    assert ends[0] == ends[1]
    assert len(ends[0][1]) == 1


def test_run_bokeh_with_two_processes(serve: Serve) -> None:
    base = neighbours(2)
    server = serve(bokeh_serve("slider_bokeh.py", "--num-procs", "2", run=["--port", str(base)]))
    visit_both(server, base, "/slider_bokeh")


def test_run_panel_serve(serve: Serve) -> None:
    words: list[str | Path] = ["panel", "serve", APPS / "slider_panel.py", "--port", "{port}", "--address", "127.0.0.1"]
    words += ["--unused-session-lifetime", "500", "--check-unused-sessions", "200"]
    server = serve(ServerProcess([*EXPORTER, "run", *words], env=ON_PATH))
    life(server, "/slider_panel")


def test_run_python_script(serve: Serve) -> None:
    server = serve(python_script("server_functions.py", "--install", "no", run=True))
    life(server, "/good")


def test_run_and_setup_make_one_exporter(serve: Serve) -> None:
    words: list[str | Path] = ["panel", "serve", APPS / "slider_panel.py", "--setup", SETUP_SCRIPT, "--port", "{port}"]
    words += ["--address", "127.0.0.1", "--unused-session-lifetime", "500", "--check-unused-sessions", "200"]
    port = neighbours(1)
    server = serve(ServerProcess([*EXPORTER, "run", "--port", str(port), *words], env=ON_PATH))
    life(server, "/slider_panel")
    # The script installs first, and what run was told still counts.
    assert listening(server.pid) == {server.ports[0], port}
    assert server.log().count("/metrics, level") == 1


def test_run_leaves_sitecustomize_and_children_alone(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("MINE = 'ran'\n")
    inherited = environment({}).get("PYTHONPATH")
    path = os.pathsep.join([str(tmp_path), *filter(None, [inherited])])
    server = serve(bokeh_serve("environment_bokeh.py", env={"PYTHONPATH": path}))
    life(server, "/environment_bokeh")
    with server.open_tab("/environment_bokeh") as tab:
        seen = json.loads(tab.value("out", "text"))
    assert seen["server"] == {"variables": [], "path": path, "sitecustomize": "ran", "entries": []}
    assert seen["child"] == {"variables": [], "path": path, "ours": [], "sitecustomize": "ran"}


LOOK = """
import json, os, psutil, sys
{before}
me = psutil.Process()
print(json.dumps({{
    "modules": [name for name in sys.modules if name.split(".")[0] in {names!r}],
    "open": [str(each) for each in (getattr(me, "net_connections", None) or me.connections)("inet")],
    "threads": me.num_threads(),
    "arguments": sys.argv[1:],
}}))
sys.exit(7)
"""


@pytest.mark.parametrize(
    ("before", "names"),
    [
        ("", ["bokeh", "panel", "tornado", "prometheus_client"]),
        ("import bokeh.server.server", ["panel", "prometheus_client"]),
    ],
)
def test_run_does_nothing_in_what_is_no_server(before: str, names: Sequence[str]) -> None:
    code = LOOK.format(before=before, names=tuple(names))
    for prefix in ([], [*EXPORTER, "run", "--port", "0"]):
        done = subprocess.run(
            [*prefix, sys.executable, "-c", code, "an argument"], capture_output=True, text=True, env=environment({})
        )
        assert (done.returncode, done.stderr) == (7, "")
        assert json.loads(done.stdout) == {"modules": [], "open": [], "threads": 1, "arguments": ["an argument"]}


def test_run_says_when_the_command_has_another_python(tmp_path: Path) -> None:
    env = environment({"PYTHONPATH": None, "PYTHONHOME": None})
    other = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", other], check=True, capture_output=True)
    python = other / "bin" / "python"
    done = subprocess.run(
        [sys.executable, "-m", "bokeh_exporter", "run", python, "-c", "print('runs on')"],
        capture_output=True, text=True, env=env, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "runs on\n")
    assert "cannot import bokeh_exporter, so it runs without: install bokeh-exporter" in done.stderr
    assert done.stderr.count("\n") == 1


def test_run_bokeh_dev_counts_restarts(serve: Serve, tmp_path: Path) -> None:
    app = tmp_path / "developed.py"
    app.write_text((APPS / "slider_bokeh.py").read_text())
    server = serve(bokeh_serve(app, "--dev", app))
    assert switches(server.scrape()) == {"autoreload"}

    def started_again(times: int) -> bool:
        if len(server.exporter_urls()) > times:
            return True
        # Again each time, as tornado may not have seen the file before it was first written.
        app.write_text(app.read_text() + "#\n")
        return False

    for restarts in (1, 2):
        wait_until(functools.partial(started_again, restarts), 20, "it starts again", interval=1.0)
        seen = until(server.exporter_url, lambda s: s.total("bokeh_sessions_created_total") == 0, "a new process")
        assert seen.value("bokeh_server_app_reloads_total") == restarts
    life(server, "/developed")


# --- a directory app's server_lifecycle.py ---------------------------------------------------------


def test_lifecycle_module_beside_own_hooks(serve: Serve, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    server = serve(bokeh_serve("lifecycle_app", run=False, env={"HOOK_CALLS": str(calls)}))
    life(server, "/lifecycle_app")
    server.terminate()
    server.wait_exit()
    assert calls.read_text().split() == [
        "on_server_loaded", "on_session_created", "on_session_destroyed", "on_server_unloaded",
    ]  # fmt: skip


def test_lifecycle_module_is_all_there_is(serve: Serve, tmp_path: Path) -> None:
    app = tmp_path / "starred"
    app.mkdir()
    (app / "main.py").write_text((APPS / "slider_bokeh.py").read_text())
    (app / "server_lifecycle.py").write_text("from bokeh_exporter.lifecycle import *\n")
    server = serve(bokeh_serve(app, run=False))
    life(server, "/starred")


# --- in code ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
def test_install_before_and_after_two_servers_at_once(serve: Serve, when: str) -> None:
    server = serve(python_script("server_functions.py", "--install", when, ports=2))
    with server.open_tab("/good"), open_tab(server.urls[1], "/good"), open_tab(server.urls[1], "/good"):
        both = until(
            server.exporter_url, lambda s: s.value("bokeh_sessions", app="/good", state="connected") == 3, "1 + 2"
        )
        assert both.value("bokeh_websocket_connections", app="/good") == 3
        assert both.value("bokeh_servers") == 2
        assert both.value("bokeh_sessions_created_total", app="/good") == 3
    until(server.exporter_url, lambda s: s.total("bokeh_sessions_destroyed_total", app="/good") == 3, "all destroyed")
    life(server, "/good", port=1)


def test_servers_in_turn(serve: Serve) -> None:
    server = serve(python_script("in_turn.py", ports=2))
    life(server, "/first")
    life(server, "/both")
    os.kill(server.pid, signal.SIGUSR1)
    second = until(
        server.exporter_url, lambda s: '"/second"' in s.text and '"/first"' not in s.text, "the second took over"
    )
    assert second.value("bokeh_sessions_created_total", app="/both") == 1  # went on, as the app did
    wait_until(lambda: life(server, "/second", port=1), 20, ignoring=(OSError,))
    assert life(server, "/both", port=1).value("bokeh_sessions_created_total", app="/both") == 2
    assert len(server.exporter_urls()) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_panel_server_in_a_thread(serve: Serve, when: str) -> None:
    server = serve(python_script("serve_functions.py", "--threaded", "--install", when))
    life(server, "/good")


def test_install_within_a_running_loop(serve: Serve) -> None:
    server = serve(python_script("running_loop.py"))
    life(server, "/app")
    assert f"at once: {server.exporter_url}\n" in server.log()


def test_install_after_sessions_were_opened(serve: Serve) -> None:
    server = serve(bokeh_serve("late_bokeh.py", run=False))
    first, second = server.open_tab("/late_bokeh"), server.open_tab("/late_bokeh")
    first.click("go")
    wait_until(lambda: first.value("out", "text") == "installed", 10, "the callback is done")
    until(
        server.exporter_url, lambda s: s.value("bokeh_sessions", app="/late_bokeh", state="connected") == 2, "adopted"
    )
    assert server.log().count("installed after sessions had been opened") == 1
    first.close()
    second.close()
    gone = until(server.exporter_url, lambda s: s.total("bokeh_sessions_destroyed_total") == 2, "destroyed")
    assert gone.total("bokeh_sessions_created_total") == 0  # that was before
    assert gone.value("bokeh_session_linger_duration_seconds_count", app="/late_bokeh") == 2
    life(server, "/late_bokeh")


ELEMENT = {"BOKEH_EXPORTER_COLLECT": "element"}


def a_move_has_its_bytes(server: ServerProcess, tab: Tab) -> None:
    """Move the slider of an app: what came over the websocket beside the reply is of the element that it changes."""
    received = tab.received_bytes
    tab.set("n", value=5)

    def moved() -> dict[str, Any] | None:
        rows = json.loads(get(f"{server.exporter_url}/api/v1/status").text)["interactions"]
        found = [each for each in rows if each["cause"]["label"] == "n" and each["bytes_sent"]]
        return found[0] if found and found[0]["finished"] else None

    row = wait_until(moved, message="the move is over, and something was sent")
    # A message counts as sent before this side has read it.
    wait_until(lambda: tab.received_bytes - received > row["bytes_sent"], message="it came, and the reply")
    assert tab.received_bytes - received - row["bytes_sent"] < 200, "the rest is the reply"
    (sent,) = [each["bytes"] for node in row["tree"] for each in node["elements"]]
    assert sent == row["bytes_sent"] - row["unattributed_bytes"] > 0


# --- ASGI ------------------------------------------------------------------------------------------

if HAS_ASGI and line_ships("uvicorn"):

    def test_asgi_panel_serve(serve: Serve) -> None:
        server = serve(panel_serve("slider_panel.py", "--server", "asgi"))
        life(server, "/slider_panel")

    @pytest.mark.parametrize(("module", "app"), [("asgi_bokeh", "/slider"), ("asgi_panel", "/good")])
    def test_asgi_under_uvicorn(serve: Serve, module: str, app: str) -> None:
        server = serve(uvicorn(f"{module}:app"))
        # Known before the first request: uvicorn's start is seen.
        assert server.scrape().value("bokeh_sessions", app=app, state="connected") == 0
        life(server, app)

    def test_asgi_mounted_in_fastapi(serve: Serve) -> None:
        server = serve(uvicorn("asgi_fastapi:app", env=ELEMENT))
        for path in "/bokeh/good", "/panel/good":
            with server.open_tab(path) as tab:
                a_move_has_its_bytes(server, tab)
        life(server, "/good", "/bokeh/good")
        life(server, "/good", "/panel/good")
        assert server.get("/hello").text == '{"hello":"world"}'

    def test_uvicorn_imported_after_the_app(serve: Serve) -> None:
        server = serve(python_script("asgi_late_uvicorn.py"))
        # Before anybody asks for a page, so that a probe does not kill the pod.
        assert get(f"{server.exporter_url}/healthz").status == 200
        life(server, "/app")

    def test_run_uvicorn(serve: Serve) -> None:
        server = serve(uvicorn("asgi_bare:app", run=True))
        life(server, "/good")
        assert listening(server.pid) == {server.ports[0], int(server.exporter_url.rpartition(":")[2])}

    def test_run_uvicorn_with_workers(serve: Serve) -> None:
        base = neighbours(2)
        span = {"BOKEH_EXPORTER_PORT": str(base), "BOKEH_EXPORTER_PORT_SPAN": "2"}
        server = serve(uvicorn("asgi_bare:app", "--workers", "2", run=True, env=span))
        urls = server.exporter_urls(2)
        assert sorted(urls) == [f"http://127.0.0.1:{base}", f"http://127.0.0.1:{base + 1}"]
        tabs: list[Tab] = []
        for _ in range(4):
            tabs.append(open_tab(server.url, "/good", token=generate_jwt_token(generate_session_id())))

        def total(name: str, **labels: str) -> float:
            return sum(scrape(url).total(name, app="/good", **labels) for url in urls)

        wait_until(lambda: total("bokeh_sessions", state="connected") == 4, 20, "four connected")
        assert total("bokeh_sessions_created_total") == 4
        for tab in tabs:
            tab.close()
        wait_until(lambda: total("bokeh_sessions_destroyed_total") == 4, 20, "four destroyed")


if line_ships("bokeh-fastapi"):

    def test_bokeh_fastapi(serve: Serve) -> None:
        server = serve(uvicorn("fastapi_bokeh:app", env=ELEMENT))
        assert server.get("/hello").text == '{"hello":"world"}'
        assert server.get("/good").status == 200
        until(
            server.exporter_url, lambda s: s.total("bokeh_sessions_destroyed_total", reason="expired") == 1, "expired"
        )
        # This host takes no notice of a browser that leaves (0.1.8 waits for an exception that starlette does not
        # raise), so a session that had one is never destroyed: no life() here.
        with server.open_tab("/good") as tab:
            seen = until(
                server.exporter_url, lambda s: s.value("bokeh_sessions", app="/good", state="connected") == 1, "1"
            )
            a_move_has_its_bytes(server, tab)
        assert seen.value("bokeh_sessions_created_total", app="/good") == 2
        assert seen.total("bokeh_exporter_errors_total") == 0
        # What cannot be seen there is said.
        assert seen.value("bokeh_exporter_hook_enabled", hook="bokeh_fastapi.close_code") == 0
        assert seen.total("bokeh_websocket_received_bytes_total", app="/good") > 0
        for _ in range(3):
            with pytest.raises(Refused):
                server.open_tab("/good", token=generate_jwt_token(generate_session_id(), expiration=-10))
        with pytest.raises(Refused):
            server.open_tab("/good", subprotocols=["bokeh"])
        server.open_tab("/good", token=generate_jwt_token(generate_session_id())).close()
        landed = until(
            server.exporter_url, lambda s: s.total("bokeh_sessions_created_by_websocket_total", app="/good") == 1, "one"
        )
        assert {why: n for why, n in landed.by("bokeh_websocket_rejected_total", "reason").items() if n} == {
            "expired": 3, "subprotocol": 1,
        }  # fmt: skip
        assert landed.total("bokeh_exporter_errors_total") == 0


if line_ships("bokeh-django"):

    def test_bokeh_django(serve: Serve) -> None:
        server = serve(uvicorn("django_site.asgi:application", env=ELEMENT))
        seen = life(server, "/good", reason="requested")
        assert server.get("/hello").text == "hello world"
        assert set(seen.by("bokeh_exporter_hook_enabled", "hook").values()) == {1}
        assert seen.value("bokeh_websocket_closed_total", app="/good", code="1000") == 1
        assert seen.total("bokeh_websocket_received_bytes_total", app="/good") > 0
        with server.open_tab("/good") as tab:
            a_move_has_its_bytes(server, tab)
