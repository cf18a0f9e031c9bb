"""Real servers, started as a user would start them, with the exporter or without.

A Bokeh app gets it by ``python -m bokeh_exporter run``, a Panel app by ``--setup``. Nothing else
differs: same interpreter, environment, port on loopback, hash seed. Sessions are never discarded
(the sweep is set to an hour), since Bokeh's full collection in ``destroy()`` blocks the loop for
100 ms and would fall into the blocks of one server or the other by chance.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.error import URLError
from urllib.request import urlopen

import psutil

import bokeh_exporter
from bokeh_exporter.clients.processes import ChildProcess, free_port

APPS = Path(__file__).with_name("apps")
_LINUX = platform.system() == "Linux"
_PROCESSORS: set[int] = os.sched_getaffinity(0) if _LINUX else set()
#: The processor that all servers share, so that no two of them differ in which one they have.
_SHARED = {max(_PROCESSORS)} if len(_PROCESSORS) > 1 else set()
_HOUR = str(3600 * 1000)
_START_LINE = re.compile(r"serves (http\S+)/metrics")
#: Seconds to wait for a process; 1,000 sessions take half a minute to open.
_DEADLINE = 300.0


@dataclass(frozen=True)
class App:
    """An app of this folder and the command that serves it."""

    name: str
    tool: str

    @property
    def file(self) -> Path:
        """The script."""
        return APPS / f"{self.name}.py"


PLAIN = App("plain", "bokeh")
PANELS = App("panels", "panel")


def environment(**more: str) -> dict[str, str]:
    """Return the environment of every process: this checkout importable, exporter options only ours."""
    # Level and OpenTelemetry may be chosen: what each costs is a question of its own.
    kept = "BOKEH_EXPORTER_COLLECT", "BOKEH_EXPORTER_OTLP"
    environ = {
        name: value for name, value in os.environ.items() if name in kept or not name.startswith("BOKEH_EXPORTER_")
    }
    paths = [str(Path(bokeh_exporter.__file__).parents[1]), str(Path(__file__).parents[1])]
    if environ.get("PYTHONPATH"):
        paths.append(environ["PYTHONPATH"])
    environ.update(PYTHONPATH=os.pathsep.join(paths), PYTHONHASHSEED="0", BOKEH_EXPORTER_PORT="0")
    return {**environ, **more}


_Process = TypeVar("_Process", bound="Process")


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def pin() -> None:
    """Keep this process off the last processor, where the servers run.

    Without it the scheduler may put one of two equal servers beside this client and the other not,
    for as long as it likes: ratios of 0.5 between equals were seen.
    """
    if _SHARED:
        os.sched_setaffinity(0, _PROCESSORS - _SHARED)


class Process(ChildProcess):
    """A child process of ours: its processor time, its memory, its end."""

    def __init__(self, command: list[str], *, keep_input: bool = False, level: str | None = None) -> None:
        super().__init__(
            command, environment(**({"BOKEH_EXPORTER_COLLECT": level} if level else {})),
            stdin=subprocess.PIPE if keep_input else subprocess.DEVNULL, cwd=Path.cwd(),
        )  # fmt: skip
        self.start()
        self.pin()
        self._psutil = psutil.Process(self.pid)

    def __enter__(self: _Process) -> _Process:
        return self  # it runs already

    def pin(self) -> None:
        """Run on the processor that all servers share."""
        if _SHARED:
            os.sched_setaffinity(self.pid, _SHARED)

    def stop(self, grace: float = 10.0) -> int | None:
        """End it; fifty sessions take a Bokeh server seconds to destroy."""
        return super().stop(grace)

    def cpu(self) -> float:
        """Return the seconds of processor time, user and system: to the nanosecond on Linux, else to 10 ms."""
        if _LINUX:
            # MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED) of the kernel; what clock_getcpuclockid(3) returns.
            return time.clock_gettime((~self.process.pid << 3) | 2)
        times = self._psutil.cpu_times()
        return times.user + times.system

    def rss(self) -> float:
        """Return the resident memory in MB."""
        return float(self._psutil.memory_info().rss) / 1e6

    def find(self, pattern: re.Pattern[str]) -> str:
        """Wait until the log says something; return the pattern's first group."""
        deadline = time.monotonic() + _DEADLINE
        while time.monotonic() < deadline:
            text = self.log()
            if found := pattern.search(text):
                return found.group(1)
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"no {pattern.pattern!r} in the log of {self.process.args!r}:\n{text}")


class Server(Process):
    """A server process with one app.

    Args:
        app: what it serves.
        with_exporter: whether the exporter is in it.
        level: the exporter's.
        lifetime: milliseconds that a session without a browser lives.
        sweep: milliseconds between two looks for such sessions.
    """

    def __init__(
        self, app: App, with_exporter: bool, level: str | None = None, lifetime: str = _HOUR, sweep: str = _HOUR
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/{app.name}"
        super().__init__(self.serving(app, with_exporter, lifetime, sweep), level=level)
        self._with_exporter = with_exporter
        self.metrics: str | None = None

    def serving(self, app: App, with_exporter: bool, lifetime: str, sweep: str) -> list[str]:
        """Return the command of the process, as a user would type it."""
        serve = serve_command(app, self.port, lifetime, sweep)
        if not with_exporter:
            return serve
        if app.tool == "panel":
            return [*serve, "--setup", _setup_script()]
        return python("bokeh_exporter", "run", *serve)

    def wait(self) -> None:
        """Wait until it serves; the metadata route makes no session."""
        deadline = time.monotonic() + _DEADLINE
        while True:
            try:
                with urlopen(f"{self.url}/metadata", timeout=5):
                    break
            except (URLError, OSError):
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise RuntimeError(f"{self.process.args!r} does not serve:\n{self.log()}") from None
                time.sleep(0.05)
        if self._with_exporter:
            self.metrics = self.find(_START_LINE) + "/metrics"


@contextmanager
def pair(app: App, null: bool) -> Iterator[tuple[Server, Server]]:
    """Start the bare server and the one with the exporter (``null``: without, too), both alive at once."""
    with Server(app, False) as bare, Server(app, not null) as exporter:
        bare.wait()
        exporter.wait()
        yield bare, exporter


def serve_command(app: App, port: int, lifetime: str, sweep: str) -> list[str]:
    """Return the command that serves an app without the exporter."""
    return python(
        app.tool, "serve", str(app.file), "--address", "127.0.0.1", "--port", str(port),
        "--allow-websocket-origin", f"127.0.0.1:{port}",
        "--unused-session-lifetime", lifetime, "--check-unused-sessions", sweep,
    )  # fmt: skip


def _setup_script() -> str:
    command = python("bokeh_exporter", "setup-script")
    return subprocess.run(command, env=environment(), check=True, capture_output=True, text=True).stdout.strip()
