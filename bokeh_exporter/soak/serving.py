"""An app that is served for somebody to look at, with the exporter in it, until the block ends."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from types import TracebackType

from .. import startup
from ..clients.processes import ChildProcess, StartError, answers, free_port
from ..config import PREFIX
from .plan import imports_panel
from .server import START


class ServingError(Exception):
    """The server did not start: one line with the last that it said."""


class Serving:
    """A context manager: the app's server runs inside it, at the level ``element``.

    Attributes:
        url: of the app's page.
        exporter: root of the exporter's endpoints.
        token: that they want.
    """

    def __init__(self, target: Path, port: int) -> None:
        self._target, port, exporter = target, port or free_port(), free_port()
        self.url, self.exporter = f"http://localhost:{port}/{target.stem}", f"http://127.0.0.1:{exporter}"
        self.token = secrets.token_urlsafe(24)
        options = {
            "address": "127.0.0.1", "port": str(exporter), "token": self.token, "collect": "element",
            "elements_log": "off", "disabled": "0",
        }  # fmt: skip
        ours = [f"{PREFIX}{name.upper()}" for name in (*options, "tls_cert", "tls_key", "token_file", "port_span")]
        environ = {key: value for key, value in os.environ.items() if key not in ours}
        host = "panel" if imports_panel(target) else "bokeh"
        self._process = ChildProcess(
            [sys.executable, "-m", host, "serve", str(target), "--port", str(port)],
            startup.environment({**environ, "PYTHONUNBUFFERED": "1"}, options),
            ready=lambda: answers(port) and answers(exporter), start=START, cwd=Path.cwd(),
        )  # fmt: skip

    def __enter__(self) -> Serving:
        try:
            self._process.start()
        except StartError as error:
            said = error.log.strip().splitlines() or ["it said nothing"]
            raise ServingError(f"the server of {self._target} {error}: {said[-1]}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stop()
