"""A subprocess that is gone after it was used, with all that it started.

It runs in a process group of its own, so that Ctrl-C is its starter's to hear, and so that the end reaches the workers
that it forked. What it writes goes to a file: a pipe that nobody reads blocks a server.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

#: Seconds between SIGTERM and SIGKILL.
GRACE = 5.0

Self = TypeVar("Self", bound="ChildProcess")


class StartError(Exception):
    """The process ended, or was not ready in time; one line. Nothing of it runs on.

    Attributes:
        returncode: None if it ran on and was not ready.
        log: all that it said.
    """

    def __init__(self, problem: str, returncode: int | None, log: str) -> None:
        super().__init__(problem)
        self.returncode, self.log = returncode, log


class ChildProcess:
    """A command with a directory, an environment and a log. A context manager that starts and stops it.

    Args:
        command: what to run.
        environ: all of its environment.
        ready: whether it can be used.
        start: seconds to wait for that.
        every: seconds between two looks.
        stdin: as of ``subprocess.Popen``.
        cwd: where it runs; its own directory by default.

    Attributes:
        command: as given.
        directory: a scratch directory that is removed at the end.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        *,
        ready: Callable[[], bool] = lambda: True,
        start: float = 120.0,
        every: float = 0.05,
        stdin: int = subprocess.DEVNULL,
        cwd: Path | None = None,
    ) -> None:
        self.command = list(command)
        self.directory = Path(tempfile.mkdtemp(prefix="server_"))
        self._environ, self._ready, self._patience, self._every = dict(environ), ready, start, every
        self._stdin, self._cwd = stdin, cwd or self.directory
        self._process: subprocess.Popen[bytes] | None = None
        self._said = ""

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process of the command.

        Raises:
            RuntimeError: it was not started.
        """
        if self._process is None:
            raise RuntimeError(f"{self} was not started")
        return self._process

    @property
    def pid(self) -> int:
        """The id of the command's process."""
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status; None while it runs; negative is a signal."""
        return self._process.poll() if self._process is not None else None

    @property
    def ended(self) -> bool:
        """Whether it does not run."""
        return self._process is None or self._process.poll() is not None

    def log(self) -> str:
        """All that it wrote to standard output and standard error so far; also after its end."""
        path = self.directory / "server.log"
        return path.read_text(errors="replace") if path.exists() else self._said

    def start(self: Self) -> Self:
        """Start it and wait until it is ready.

        Raises:
            StartError: it ended first, or took too long.
        """
        with (self.directory / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                self.command, env=self._environ, cwd=self._cwd, stdin=self._stdin,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, grace: float = GRACE) -> int | None:
        """End the whole group: SIGTERM, and SIGKILL after the grace. Return the exit status. Idempotent."""
        if self._process is not None:
            for number in (signal.SIGTERM, signal.SIGKILL):
                if not self._runs():
                    break
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, number)
                self._ends_within(grace)
            self._said = self.log()
            if self._process.stdin is not None:
                self._process.stdin.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        return self.returncode

    def __enter__(self: Self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __str__(self) -> str:
        return " ".join([Path(self.command[0]).name, *self.command[1:]])

    def _wait(self) -> None:
        deadline = time.monotonic() + self._patience
        while not self._ready():
            if self.ended:
                raise StartError(f"ended with status {self.returncode}", self.returncode, self.log())
            if time.monotonic() > deadline:
                raise StartError(f"does not listen after {self._patience:g} s", None, self.log())
            time.sleep(self._every)

    def _ends_within(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._runs() and time.monotonic() < deadline:
            time.sleep(0.02)

    def _runs(self) -> bool:
        """Whether the command or what it left behind in its group runs."""
        if not self.ended:
            return True
        try:
            os.killpg(self.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return _not_only_zombies(self.pid)


def _not_only_zombies(group: int) -> bool:
    """Whether a process of a group still runs; in a container without an init, zombies stay in it for ever.

    Without /proc a zombie cannot be recognised, and the group counts as running.
    """
    found = list(Path("/proc").glob("[0-9]*/stat"))
    for path in found:
        with contextlib.suppress(OSError, IndexError, ValueError):
            # "pid (name) state parent group ...": the name may hold spaces and brackets.
            state, _, of = path.read_text(errors="replace").rpartition(")")[2].split()[:3]
            if int(of) == group and state not in "ZX":
                return True
    return not found


def free_port(address: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind((address if address != "localhost" else "127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def answers(port: int, address: str = "127.0.0.1") -> bool:
    """Whether somebody listens on a port."""
    with socket.socket() as sock:
        sock.settimeout(1)
        # Where nobody does, Linux may take that very port for this end, and connect the socket to itself.
        return sock.connect_ex((address, port)) == 0 and sock.getsockname() != sock.getpeername()
