"""``attach`` and ``detach``: the exporter gets into a server that runs, and out again.

``sys.remote_exec`` is of Python 3.14. Elsewhere a signal stands in for it: the server runs the same script between two
lines of its main thread.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from bokeh_exporter.cli import commands

from ..support import ServerProcess, get, python_script, scrape, wait_until
from ..support.servers import environment

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="a signal stands in for sys.remote_exec")
Serve = Callable[[ServerProcess], ServerProcess]


class Attached:
    """A server that knows nothing of us, and what stands in for ``sys.remote_exec``."""

    def __init__(self, serve: Serve, folder: Path) -> None:
        self.script, self.found = folder / "script.py", folder / "found.json"
        env = {"SCRIPT": str(self.script), "FOUND": str(self.found)}
        self.server = serve(python_script("attached_server.py", env=env, lifetime_ms=60_000))

    def execute(self, pid: int, path: str) -> None:
        shutil.copy(path, self.script)
        os.kill(pid, signal.SIGUSR1)

    def command(self, *arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(commands, [*arguments, str(self.server.pid)])
        return done.exit_code, done.stdout, done.stderr

    def classes(self) -> list[str]:
        """Open a page, and return what Bokeh's classes hold then."""
        self.found.unlink(missing_ok=True)
        with self.server.open_tab("/app"):
            found: list[str] = json.loads(self.found.read_text())
        return found


@pytest.fixture
def attached(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Attached:
    found = Attached(serve, tmp_path)
    monkeypatch.setattr(sys, "remote_exec", found.execute, raising=False)
    return found


def test_sessions_that_are_there_are_watched_and_afterwards_every_class_is_as_before(attached: Attached) -> None:
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


def test_a_process_without_a_server_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "script.py"
    program = (
        "import pathlib, signal, time\n"
        f"def run(number, frame): exec(pathlib.Path({str(script)!r}).read_text(), {{}})\n"
        "signal.signal(signal.SIGUSR1, run)\nprint('ready', flush=True)\nwhile True: signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], env=environment({}), stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()

            def execute(pid: int, path: str) -> None:
                shutil.copy(path, script)
                os.kill(pid, signal.SIGUSR1)

            monkeypatch.setattr(sys, "remote_exec", execute, raising=False)
            done = CliRunner().invoke(commands, ["attach", str(process.pid)])
            assert (done.exit_code, done.stdout) == (2, "")
            assert done.stderr.endswith("bokeh-exporter: there is no Bokeh server in that process\n")
        finally:
            process.kill()


@pytest.mark.once
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(1, "Operation not permitted"), "SYS_PTRACE"),
        (RuntimeError("Remote debugging is not enabled in the remote process"), "PYTHON_DISABLE_REMOTE_DEBUG"),
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
@pytest.mark.skipif(hasattr(sys, "remote_exec"), reason="this Python can")
def test_an_older_python_names_the_alternative() -> None:
    done = CliRunner().invoke(commands, ["attach", str(os.getpid())])
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    for words in ("3.14 and newer", "bokeh-exporter run", "SIGUSR2"):
        assert words in done.stderr
