"""``attach`` and ``detach``: the exporter gets into a server that runs, and out again.

``sys.remote_exec`` is of Python 3.14, where it is used (``make test-pythons``). Elsewhere a signal stands in for it:
the server runs the same script between two lines of its main thread.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

from bokeh_exporter.cli import commands
from bokeh_exporter.clients import remote_exec

from ..support import ServerProcess, get, python_script, scrape, wait_until
from ..support.servers import environment

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="a signal stands in for sys.remote_exec")
Serve = Callable[[ServerProcess], ServerProcess]
#: Python's own way, None before 3.14.
REAL = getattr(sys, "remote_exec", None)


class Attached:
    """A server that knows nothing of us, and what stands in for ``sys.remote_exec``."""

    def __init__(self, serve: Serve, folder: Path, lifetime_ms: int) -> None:
        self.script, self.found = folder / "script.py", folder / "found.json"
        # What is retained is so after a grace that is half a minute else.
        env = {"SCRIPT": str(self.script), "FOUND": str(self.found), "BOKEH_EXPORTER_GRACE": "1"}
        self.server = serve(python_script("attached_server.py", env=env, lifetime_ms=lifetime_ms))

    def execute(self, pid: int, path: str) -> None:
        shutil.copy(path, self.script)
        os.kill(pid, signal.SIGUSR1)

    def command(self, *arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(commands, [*arguments, str(self.server.pid)])
        return done.exit_code, done.stdout, done.stderr

    def ended(self) -> int:
        """Open a page, and return how many kept Documents there are; 0 until the sessions of all have ended."""
        get(f"{self.server.url}/app")
        ended, kept = map(int, self.found.with_suffix(".ended").read_text().split())
        return kept if ended == kept else 0

    def classes(self) -> list[str]:
        """Open a page, and return what Bokeh's classes hold then."""
        self.found.unlink(missing_ok=True)
        with self.server.open_tab("/app"):
            found: list[str] = json.loads(self.found.read_text())
        return found


@pytest.fixture
def make(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Attached]:
    def made(lifetime_ms: int) -> Attached:
        found = Attached(serve, tmp_path, lifetime_ms)
        if REAL is None:
            monkeypatch.setattr(sys, "remote_exec", found.execute, raising=False)
        return found

    return made


def test_sessions_that_are_there_are_watched_and_afterwards_every_class_is_as_before(
    make: Callable[[int], Attached],
) -> None:
    attached = make(60_000)
    before = attached.classes()
    with attached.server.open_tab("/app"):
        status, printed, said = attached.command("attach")
        assert status == 0, said
        url = printed.strip()
        assert url.startswith("http://127.0.0.1:")
        assert "counts begin now" in said
        wait_until(lambda: scrape(url).value("bokeh_sessions", app="/app", state="connected") == 1)
        assert scrape(url).value("bokeh_sessions_created_total", app="/app") == 0
        assert attached.classes() != before
        assert scrape(url).value("bokeh_sessions_created_total", app="/app") == 1
        assert get(f"{url}/api/v1/status").status == 200

        status, printed, said = attached.command("attach")
        assert (status, said.count("\n")) == (2, 1)
        assert "already" in said

        assert attached.command("detach")[:2] == (0, f"detached from {attached.server.pid}\n")
        assert attached.classes() == before
    status, printed, said = attached.command("detach")
    assert (status, "no bokeh_exporter in that process" in said) == (2, True)


def test_a_loop_with_visitors_waits_for_no_walk_of_the_heap_and_takes_models_over_in_turns(
    make: Callable[[int], Attached],
) -> None:
    attached, made = make(200), 1000
    with attached.server.open_tab("/app", f"models={made}"):
        status, printed, said = attached.command("attach")
        assert status == 0, said
        url = printed.strip()
        wait_until(lambda: scrape(url).value("bokeh_models") == made + 3, 60, "models of before are counted")
        assert not scrape(url).value("bokeh_models_orphaned", model="Slider")
    slow = attached.found.with_suffix(".slow")
    assert not slow.exists(), slow.read_text()

    def left() -> bool:
        get(f"{attached.server.url}/app?collect=1")  # else it is a minute until something does
        return (scrape(url).value("bokeh_models") or 0) < made

    wait_until(left, 60, "models of a session that ended are gone", interval=0.5)
    assert not scrape(url).value("bokeh_models_orphaned", model="Slider")


def test_what_ended_before_is_explained_after_a_wait_for_the_blocked_loop(
    make: Callable[[int], Attached], monkeypatch: pytest.MonkeyPatch
) -> None:
    attached = make(200)
    for _ in range(2):
        attached.server.open_tab("/app", "keep=1").close()
    # On a busy machine the session of a page ends before its websocket comes, which makes another then.
    kept = wait_until(attached.ended, 60, "sessions of kept Documents to end")
    with ThreadPoolExecutor() as pool:
        pool.submit(get, f"{attached.server.url}/app?block=3", timeout=60)
        wait_until(attached.found.with_suffix(".blocked").exists, 60, "a blocked event loop")
        monkeypatch.setattr(remote_exec, "_SAYS", 0.3)
        status, printed, said = attached.command("attach", "--explain", "--json")
    assert status == 0, said  # click makes 1 of what is retained where the program ends
    assert said.startswith(f"waiting: process {attached.server.pid} is ")
    answer = json.loads(printed)
    (held,) = answer["explained"]["retained"]
    assert answer["left"]["document"] >= kept >= 2
    expected = ("/app", "document", kept, "module __main__, KEPT")
    assert (held["app"], held["kind"], held["count"], held["root"]) == expected
    assert "Document of /app, destroyed before the exporter was attached" in held["text"]

    def retained() -> float | None:
        get(f"{attached.server.url}/app?collect=1")  # else it is a minute until something does
        return scrape(answer["url"]).value("bokeh_sessions_uncollected", app="/app", state="retained")

    assert wait_until(retained, 60, "what ended before is retained", interval=0.5) >= 2
    assert attached.command("detach")[0] == 0


def test_a_process_without_a_server_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "script.py"
    program = (
        "import pathlib, signal, time\n"
        f"def run(number, frame): exec(pathlib.Path({str(script)!r}).read_text(), {{}})\n"
        "signal.signal(signal.SIGUSR1, run)\nprint('ready', flush=True)\nwhile True: time.sleep(0.1)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], env=environment({}), stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()

            def execute(pid: int, path: str) -> None:
                shutil.copy(path, script)
                os.kill(pid, signal.SIGUSR1)

            if REAL is None:
                monkeypatch.setattr(sys, "remote_exec", execute, raising=False)
            done = CliRunner().invoke(commands, ["attach", str(process.pid)])
            assert (done.exit_code, done.stdout) == (2, "")
            assert done.stderr.endswith("no Bokeh server in that process: give the PID of the one that serves\n")
        finally:
            process.kill()


@pytest.mark.once
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(1, "Operation not permitted"), "SYS_PTRACE"),
        (RuntimeError("Remote debugging is not enabled in the remote process"), "PYTHON_DISABLE_REMOTE_DEBUG"),
        (
            RuntimeError("Can't send commands from a Python 3.14 process to a Python 3.15 process"),
            "the server's Python",
        ),
        (
            RuntimeError("PyRuntime address lookup failed during debug offsets initialization"),
            "give the PID of a server",
        ),
    ],
)
def test_what_python_refuses_is_one_line_with_the_remedy(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def execute(pid: int, path: str) -> None:
        raise error

    monkeypatch.setattr(sys, "remote_exec", execute, raising=False)
    done = CliRunner().invoke(commands, ["attach", str(os.getpid())])
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert words in done.stderr


@pytest.mark.once
def test_a_process_of_another_user_is_refused_where_the_script_cannot_be_given_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def give(*arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(sys, "remote_exec", lambda pid, path: None, raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    monkeypatch.setattr(os, "chown", give)
    done = CliRunner().invoke(commands, ["attach", str(os.getpid())])
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "be its user or root" in done.stderr


@pytest.mark.once
def test_a_process_that_never_runs_the_script_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "remote_exec", lambda pid, path: None, raising=False)
    monkeypatch.setattr(remote_exec, "_SAYS", 0.1)
    monkeypatch.setattr(remote_exec, "_WAITS", 0.3)
    done = CliRunner().invoke(commands, ["attach", str(os.getpid())])
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 2)
    assert "it is blocked in C" in done.stderr


@pytest.mark.once
@pytest.mark.skipif(hasattr(sys, "remote_exec"), reason="this Python can")
def test_an_older_python_names_the_alternative() -> None:
    done = CliRunner().invoke(commands, ["attach", str(os.getpid())])
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    for words in ("3.14 and newer", "bokeh-exporter run", "SIGUSR2"):
        assert words in done.stderr
