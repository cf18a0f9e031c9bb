"""The server of a soak: a subprocess on loopback with the exporter in it, as ``bokeh-exporter run`` starts one."""

from __future__ import annotations

import os
import re
import secrets
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from .. import startup
from ..clients.processes import ChildProcess, StartError, answers, free_port
from ..config import PREFIX
from .plan import CHECK_MS, LIFETIME_MS, Plan

#: Seconds after destroy from which a full collection counts, unless the environment says otherwise.
GRACE = 10.0
#: Milliseconds between pings. tornado does not read while a callback is stuck, so only a ping that fails shows it that
#: the browser has gone.
KEEP_ALIVE_MS = 1000
#: Seconds for the server to listen: importing Panel and an app on a busy machine takes ten and more.
START = 120.0


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

    Args:
        plan: what to serve.
        options: of the exporter in it, besides those of a soak.

    Attributes:
        url: of the app's page.
        exporter: root of the exporter's endpoints.
        token: that they want.
        grace: seconds.
    """

    def __init__(self, plan: Plan, options: Mapping[str, str] | None = None) -> None:
        self._plan = plan
        port = plan.server.port or free_port(plan.server.address)
        exporter_port = free_port()
        self.url = f"http://{plan.server.address}:{port}{plan.path}"
        self.exporter = f"http://127.0.0.1:{exporter_port}"
        self.token = secrets.token_urlsafe(24)
        self.grace = float(os.environ.get(f"{PREFIX}GRACE") or GRACE)
        ports = ((port, plan.server.address), (exporter_port, "127.0.0.1"))
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
            "interactions_kept": "1", **(options or {}),
        }  # fmt: skip
        # Options of another exporter, such as a certificate, are not meant for this one; thresholds are.
        ours = [
            f"{PREFIX}{name.upper()}" for name in (*self._options, "tls_cert", "tls_key", "token_file", "port_span")
        ]
        environ = {key: value for key, value in os.environ.items() if key not in ours}
        self._process = ChildProcess(
            self.command, startup.environment({**environ, "PYTHONUNBUFFERED": "1"}, self._options),
            # An app may read files beside where the user stands.
            ready=lambda: all(answers(*each) for each in ports), start=START, cwd=Path.cwd(),
        )  # fmt: skip

    def __enter__(self) -> SoakServer:
        try:
            self._process.start()
        except StartError as error:
            raise _failure(f"the server {error}", error.log) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stop()

    @property
    def pid(self) -> int:
        """The process that serves."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the server has ended by itself."""
        return self._process.ended

    def end(self, seconds: float) -> str:
        """Return how the server has ended by itself, after waiting so long for it; empty text while it runs."""
        deadline = time.monotonic() + seconds
        while not self.ended and time.monotonic() < deadline:
            time.sleep(0.05)
        return f"the server ended with status {self._process.returncode}" if self.ended else ""

    def said_error(self) -> str:
        """Return the last exception that the server logged; empty text if none."""
        log = self.log()
        return last_error(log) if "Traceback (most recent call last):" in log else ""

    def log(self) -> str:
        """The last of what the server has said."""
        return self._process.log()[-200_000:]

    def failure(self, what: str) -> SoakError:
        """Return the error that says what went wrong, with the last one that the server logged."""
        return _failure(what, self.log())


def _failure(what: str, log: str) -> SoakError:
    return SoakError(f"{what}: {last_error(log)}" if last_error(log) else what, log[-4000:])


def last_error(log: str) -> str:
    """Return the last line of the last traceback in a log, else its last line that says something."""
    _, found, after = log.rpartition("Traceback (most recent call last):")
    lines = [line for line in after.splitlines() if line.strip()]
    if found:
        # Frames are indented; the first line that is not is the exception.
        return next((line.strip() for line in lines if not line[0].isspace()), "")[:500]
    said = [line.strip() for line in lines if not re.search(r"\b(INFO|DEBUG|WARNING)\b", line)]
    return (said or [""])[-1][:500]
