"""What the demonstration starts, on loopback, and ends: a Bokeh server with the exporter, a Prometheus if wanted."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import TypeVar

from .. import startup
from ..clients.processes import ChildProcess, StartError, answers, free_port
from ..config import PREFIX

HERE = Path(__file__).resolve().parent
APPS = ("clean", "retaining", "rebuilding")
#: Milliseconds: sessions are to go while somebody looks.
LIFETIME_MS, CHECK_MS = 3000, 1000
OPTIONS = {
    "address": "127.0.0.1", "collect": "all", "debug": "1", "grace": "3", "verdict_period": "5", "sample_period": "1",
    "collect_garbage_limit": "10", "disabled": "0", "elements_log": "off",
}  # fmt: skip
#: Seconds to start on a busy machine.
START = 90.0

Self = TypeVar("Self", bound="_Process")


class DemoError(Exception):
    """The demonstration cannot run: one line with the remedy."""


class _Process(ChildProcess):
    name = ""

    def start(self: Self) -> Self:
        try:
            return super().start()
        except StartError as error:
            raise DemoError(f"{self.name} did not start: {_last_line(error.log)}") from None

    def last_words(self) -> str:
        """The last line that it wrote."""
        return _last_line(self.log())


def _last_line(log: str) -> str:
    lines = log.strip().splitlines()
    return lines[-1] if lines else "it said nothing"


class DemoServer(_Process):
    """The apps, with the exporter in them. A context manager.

    Attributes:
        apps: the addresses of the apps.
        exporter: the address of the status page.
    """

    name = "the server"

    def __init__(self, port: int, exporter_port: int) -> None:
        _look_for_room(port, "--port")
        _look_for_room(exporter_port, "--exporter-port")
        self.apps = [f"http://localhost:{port}/{app}" for app in APPS]
        self.exporter = f"http://127.0.0.1:{exporter_port}"
        command = [
            sys.executable, "-m", "bokeh", "serve", *(str(HERE / "apps" / f"{app}.py") for app in APPS),
            "--address", "127.0.0.1", "--port", str(port), "--allow-websocket-origin", f"localhost:{port}",
            "--allow-websocket-origin", f"127.0.0.1:{port}",
            "--unused-session-lifetime", str(LIFETIME_MS), "--check-unused-sessions", str(CHECK_MS),
        ]  # fmt: skip
        # Options of another exporter, such as a token, are not meant for this one.
        environ = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
        given = {**OPTIONS, "port": str(exporter_port)}
        ready = lambda: answers(port) and answers(exporter_port)  # noqa: E731
        super().__init__(command, startup.environment(environ, given), ready=ready, start=START)


class PrometheusServer(_Process):
    """A Prometheus that scrapes the demonstration, with our rules. A context manager.

    Attributes:
        url: where it listens.
    """

    name = "Prometheus"

    def __init__(self, exporter_port: int, rules: Path) -> None:
        program = shutil.which("prometheus")
        if program is None:
            raise DemoError(
                "there is no prometheus on the path: install it (Debian: apt-get install prometheus), "
                "or leave out --prometheus"
            )
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [
            program, "--config.file=prometheus.yml", "--storage.tsdb.path=data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]  # fmt: skip
        super().__init__(command, dict(os.environ), ready=lambda: answers(port), start=START)
        files = [str(path) for path in sorted(rules.glob("bokeh-*.yaml"))]
        (self.directory / "prometheus.yml").write_text(
            "global: {scrape_interval: 5s, evaluation_interval: 5s}\n"
            f"rule_files: {files!r}\n"
            f"scrape_configs: [{{job_name: bokeh, static_configs: [{{targets: ['127.0.0.1:{exporter_port}']}}]}}]\n",
            encoding="utf-8",
        )


def _look_for_room(port: int, flag: str) -> None:
    with socket.socket() as probe:
        if os.name != "nt":  # as the servers do; a port that is only cooling down is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            reason = "is in use" if error.errno == errno.EADDRINUSE else f"is not available ({error.strerror})"
            other = port + 1 if port < 65535 else 9000
            raise DemoError(
                f"port {port} {reason}: stop what listens there, or choose another: {flag} {other}"
            ) from None
