"""Servers, started as a user starts them: a command line, a directory, an environment, a log.

Builders (``panel_serve``, ``bokeh_serve``, ``uvicorn``, ``python_script``) return a process that is
not started; ``with`` or the ``serve`` fixture starts it and sees to its end. Every test server
listens on loopback only and takes a free port for the exporter.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TypeVar

from bokeh_exporter.clients import processes
from bokeh_exporter.clients.processes import ChildProcess
from bokeh_exporter.clients.processes import answers as answers

from .ports import free_port as free_port
from .scrapes import Scrape, scrape
from .tabs import Tab, open_tab
from .waiting import wait_until
from .web import Response, get

ROOT = Path(__file__).resolve().parents[2]
APPS = ROOT / "tests" / "apps"

#: What a user's ``--setup`` names: the two lines of the README.
SETUP_SCRIPT = ROOT / "examples" / "exporter.py"

#: The line that the exporter logs when it listens.
SERVES = re.compile(r"\bserves (https?://\S+)/metrics")

#: What tests set unless they say otherwise. The sample period is short so that no test waits a second for a
#: level; one thread of BLAS keeps numpy from taking both processors of a small machine while it is imported.
ENVIRONMENT = {
    "BOKEH_EXPORTER_PORT": "0",
    "BOKEH_EXPORTER_SAMPLE_PERIOD": "0.1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}

#: Sessions without a browser go after this many milliseconds, looked for this often: a test waits for it.
LIFETIME_MS, CHECK_MS = 500, 200

#: Seconds for a server to listen: importing Panel on a busy machine with two processors takes ten.
START = 60.0
#: Seconds between SIGTERM and SIGKILL. A Bokeh server with open sessions takes a few.
GRACE = 10.0


Self = TypeVar("Self", bound="ServerProcess")


class StartError(AssertionError):
    """The server ended, or did not listen in time.

    Attributes:
        returncode: None if it is running.
        log: all that it said.
    """

    def __init__(self, problem: str, returncode: int | None, log: str) -> None:
        super().__init__(f"{problem}\n{log[-6000:]}")
        self.returncode, self.log = returncode, log


class ServerProcess(ChildProcess):
    """A command in a process group, a scratch directory and an environment of its own.

    Attributes:
        command: what is run; ``{port}``, ``{port2}`` and so on have become ports.
        ports: free ones of the loopback, the first is waited for.
        directory: the working directory, ended with the server.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str | None] | None = None,
        ports: int = 1,
        wait: bool = True,
        timeout: float = START,
    ) -> None:
        """Describe a server; :meth:`start` or ``with`` runs it.

        Args:
            command: the arguments; ``{port}`` stands for the first port, ``{port2}`` for the second.
            env: over :data:`ENVIRONMENT`; None as value takes a variable away. The process also gets
                ``PORT``, ``PORT2`` and so on.
            ports: how many ports it needs.
            wait: whether ``start`` waits until the first port answers.
            timeout: seconds to wait.
        """
        self.ports = [free_port() for _ in range(ports)]
        names = {"port" if i == 0 else f"port{i + 1}": str(port) for i, port in enumerate(self.ports)}
        arguments = [str(part) for part in command]
        for name, port in names.items():
            arguments = [part.replace("{" + name + "}", port) for part in arguments]
        super().__init__(
            arguments, environment({name.upper(): port for name, port in names.items()} | dict(env or {})),
            ready=lambda: not wait or answers(self.ports[0]), start=timeout,
        )  # fmt: skip

    # --- what a test asks ----------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The root of the server. Bokeh lets websockets in from ``localhost``, not from ``127.0.0.1``."""
        return self.urls[0]

    @property
    def urls(self) -> list[str]:
        """The root at each port."""
        return [f"http://localhost:{port}" for port in self.ports]

    def wait_log(self, pattern: str, timeout: float = 20.0) -> re.Match[str]:
        """Wait until the log has the pattern, ``^`` and ``$`` at lines, and return the first match."""
        expression = re.compile(pattern, re.MULTILINE)
        return wait_until(lambda: expression.search(self.log()), timeout, f"{pattern!r} in the log of {self}")

    def wait_exit(self, timeout: float = 20.0) -> int:
        """Wait until the command ends by itself and return its exit status.

        Raises:
            AssertionError: it runs on.
        """
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self} still runs after {timeout:g} s\n{self.log()[-3000:]}") from None

    def exporter_urls(self, count: int = 1, timeout: float = 20.0) -> list[str]:
        """Wait until the log names this many exporters and return their roots, oldest first."""

        def listening() -> list[str] | None:
            found = list(dict.fromkeys(SERVES.findall(self.log())))
            return found if len(found) >= count else None

        return wait_until(listening, timeout, f"{count} start lines of the exporter in the log of {self}")

    @property
    def exporter_url(self) -> str:
        """The root of the exporter, the newest where the server has started again."""
        return self.exporter_urls()[-1]

    def scrape(self, token: str | None = None) -> Scrape:
        """Scrape the exporter."""
        return scrape(self.exporter_url, token)

    def get(self, path: str = "/", **options: object) -> Response:
        """Fetch a page of the server, options as of :func:`get`."""
        return get(self.url + path, **options)  # type: ignore[arg-type]

    def open_tab(self, path: str = "/", query: str = "", **options: object) -> Tab:
        """Open a tab on the server, options as of :func:`open_tab`."""
        return open_tab(self.url, path, query, **options)  # type: ignore[arg-type]

    # --- its life ------------------------------------------------------------------------------

    def start(self: Self) -> Self:
        """Start it and wait until it listens.

        Raises:
            StartError: it ended first, or took too long; nothing of it runs on.
        """
        try:
            return super().start()
        except processes.StartError as error:
            raise StartError(f"{self} {error}", error.returncode, error.log) from None

    def terminate(self) -> None:
        """Send SIGTERM to the command alone, as a supervisor does, and return at once."""
        self.process.terminate()

    def stop(self, grace: float = GRACE) -> int | None:
        """End the whole process group: SIGTERM, and SIGKILL after the grace. Return the exit status. Idempotent."""
        return super().stop(grace)


# --- command lines -----------------------------------------------------------------------------------


def panel_serve(
    app: str | Path,
    *args: str | Path,
    setup: bool | str | Path = True,
    run: bool = False,
    env: Mapping[str, str | None] | None = None,
    lifetime_ms: int = LIFETIME_MS,
    check_ms: int = CHECK_MS,
    wait: bool = True,
) -> ServerProcess:
    """``panel serve APP ARGS --setup exporter.py``; ``setup=False`` leaves it out, a path is another script.

    ``run=True`` is ``bokeh-exporter run panel serve``, without ``--setup``.
    """
    script = SETUP_SCRIPT if setup is True else setup
    return ServerProcess(
        [
            *(_run() if run else ()), sys.executable, "-m", "panel", "serve", path_of(app), *args,
            *(("--setup", script) if script and not run else ()),
            *_serve_options(lifetime_ms, check_ms),
        ],
        env=env, wait=wait,
    )  # fmt: skip


def bokeh_serve(
    app: str | Path,
    *args: str | Path,
    run: bool | Sequence[str] = True,
    env: Mapping[str, str | None] | None = None,
    lifetime_ms: int = LIFETIME_MS,
    check_ms: int = CHECK_MS,
    wait: bool = True,
) -> ServerProcess:
    """``bokeh-exporter run bokeh serve APP ARGS``; ``run=False`` is the bare server, a list are flags of ``run``."""
    flags = [] if isinstance(run, bool) else list(run)
    return ServerProcess(
        [
            *(_run(*flags) if run is not False else ()), sys.executable, "-m", "bokeh", "serve", path_of(app), *args,
            *_serve_options(lifetime_ms, check_ms),
        ],
        env=env, wait=wait,
    )  # fmt: skip


def uvicorn(
    app_ref: str,
    *args: str,
    run: bool = False,
    env: Mapping[str, str | None] | None = None,
    lifetime_ms: int = LIFETIME_MS,
    check_ms: int = CHECK_MS,
    wait: bool = True,
) -> ServerProcess:
    """``uvicorn MODULE:NAME ARGS``, the module from tests/apps; ``run=True`` puts ``bokeh-exporter run`` before it."""
    return ServerProcess(
        [
            *(_run() if run else ()), sys.executable, "-m", "uvicorn", app_ref, *args,
            "--app-dir", APPS, "--host", "127.0.0.1", "--port", "{port}",
        ],
        env=_lifetimes(lifetime_ms, check_ms) | dict(env or {}), wait=wait,
    )  # fmt: skip


def python_script(
    path: str | Path,
    *args: str,
    run: bool = False,
    env: Mapping[str, str | None] | None = None,
    lifetime_ms: int = LIFETIME_MS,
    check_ms: int = CHECK_MS,
    ports: int = 1,
    wait: bool = True,
) -> ServerProcess:
    """``python PATH ARGS``, the path in tests/apps if relative; the script reads ``PORT``, ``PORT2``, ..."""
    return ServerProcess(
        [*(_run() if run else ()), sys.executable, path_of(path), *args],
        env=_lifetimes(lifetime_ms, check_ms) | dict(env or {}), ports=ports, wait=wait,
    )  # fmt: skip


def _run(*flags: str) -> list[str]:
    return [sys.executable, "-m", "bokeh_exporter", "run", *flags]


def _serve_options(lifetime_ms: int, check_ms: int) -> list[str]:
    return [
        "--address", "127.0.0.1", "--port", "{port}",
        "--unused-session-lifetime", str(lifetime_ms), "--check-unused-sessions", str(check_ms),
    ]  # fmt: skip


def _lifetimes(lifetime_ms: int, check_ms: int) -> dict[str, str | None]:
    return {"LIFETIME_MS": str(lifetime_ms), "CHECK_MS": str(check_ms)}


def path_of(app: str | Path) -> Path:
    """Return the path of an app; a relative one is in tests/apps."""
    return APPS / app


def environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return the environment of a test server: ours without the host's and exporter's options, then the changes.

    The repository is put on ``PYTHONPATH`` where the package is not installed, and only there: otherwise
    the tests would pass with a wheel that lacks a file.
    """
    found = {key: value for key, value in os.environ.items() if not key.startswith(("BOKEH_", "PANEL_"))}
    if not _is_installed():
        paths = [str(ROOT), *filter(None, [found.get("PYTHONPATH")])]
        found["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(os.pathsep.join(paths).split(os.pathsep)))
    for key, value in {**ENVIRONMENT, **changes}.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = value
    return found


def _is_installed() -> bool:
    try:
        metadata.distribution("bokeh-exporter")
    except metadata.PackageNotFoundError:
        return False
    return True
