"""The server of a soak: a subprocess on loopback with the exporter in it, as ``bokeh-exporter run`` starts one."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

from .. import startup
from ..config import PREFIX
from .plan import CHECK_MS, LIFETIME_MS, Plan

#: Seconds after destroy from which a full collection counts, unless the environment says otherwise.
GRACE = 10.0
#: Milliseconds between pings. tornado does not read while a callback is stuck, so only a ping that fails tells it that
#: the browser has gone.
KEEP_ALIVE_MS = 1000
#: Seconds for the server to listen: importing Panel and an app on a busy machine takes ten and more.
START = 120.0
#: Seconds between SIGTERM and SIGKILL.
STOP = 5.0


class SoakError(Exception):
    """The app or its server failed: one line with its error.

    Attributes:
        log: the end of what the server said.
    """

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log


class SoakServer:
    """A context manager: the server runs inside it, and is gone after it with all it started.

    Attributes:
        url: of the app's page.
        exporter: root of the exporter's endpoints.
        token: that they want.
        grace: seconds.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        port = plan.server.port or _free_port(plan.server.address)
        exporter_port = _free_port("127.0.0.1")
        self.url = f"http://{plan.server.address}:{port}{plan.path}"
        self.exporter = f"http://127.0.0.1:{exporter_port}"
        self.token = secrets.token_urlsafe(24)
        self.grace = float(os.environ.get(f"{PREFIX}GRACE") or GRACE)
        self._ports = ((plan.server.address, port), ("127.0.0.1", exporter_port))
        # The last one given counts, so what the user says wins.
        self.command = [
            sys.executable, "-m", plan.host, "serve", str(plan.target), "--address", "127.0.0.1", "--port", str(port),
            "--unused-session-lifetime", str(LIFETIME_MS), "--check-unused-sessions", str(CHECK_MS),
            "--keep-alive", str(KEEP_ALIVE_MS),
            *plan.server.given,
        ]  # fmt: skip
        self._options = {
            "address": "127.0.0.1", "port": str(exporter_port), "token": self.token, "debug": "1", "collect": "all",
            "sample_period": "0.25", "grace": str(self.grace), "disabled": "0",
            # What the exporter itself keeps of each must not look like growth with each use.
            "interactions_kept": "1",
        }  # fmt: skip
        self._directory = tempfile.TemporaryDirectory(prefix="soak_")
        self._log = Path(self._directory.name) / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> SoakServer:
        # Options of another exporter, such as a certificate, are not meant for this one; thresholds are.
        ours = [
            f"{PREFIX}{name.upper()}" for name in (*self._options, "tls_cert", "tls_key", "token_file", "port_span")
        ]
        environ = {key: value for key, value in os.environ.items() if key not in ours}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self.command, env=startup.environment({**environ, "PYTHONUNBUFFERED": "1"}, self._options),
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            self._wait()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """The process that serves."""
        assert self._process is not None  # noqa: S101
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the server has ended by itself."""
        return self._process is None or self._process.poll() is not None

    def log(self) -> str:
        """The last of what the server has said."""
        return self._log.read_text(errors="replace")[-200_000:] if self._log.exists() else ""

    def failure(self, what: str) -> SoakError:
        """Return the error that says what went wrong, with the last one that the server logged."""
        log = self.log()
        return SoakError(f"{what}: {last_error(log)}" if last_error(log) else what, log[-4000:])

    def _wait(self) -> None:
        deadline = time.monotonic() + START
        while not all(_answers(*port) for port in self._ports):
            if self.ended:
                status = self._process.returncode if self._process else None
                raise self.failure(f"the server ended with status {status}")
            if time.monotonic() > deadline:
                raise self.failure(f"the server does not listen after {START:g} s")
            time.sleep(0.05)

    def _end(self) -> None:
        if self._process is not None:
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(STOP)
        self._directory.cleanup()


def last_error(log: str) -> str:
    """Return the last line of the last traceback in a log, else its last line that says something."""
    _, found, after = log.rpartition("Traceback (most recent call last):")
    lines = [line for line in after.splitlines() if line.strip()]
    if found:
        # Frames are indented; the first line that is not is the exception.
        return next((line.strip() for line in lines if not line[0].isspace()), "")[:500]
    said = [line.strip() for line in lines if not re.search(r"\b(INFO|DEBUG|WARNING)\b", line)]
    return (said or [""])[-1][:500]


def _free_port(address: str) -> int:
    with socket.socket() as sock:
        sock.bind((address if address != "localhost" else "127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def _answers(address: str, port: int) -> bool:
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex((address, port)) == 0
