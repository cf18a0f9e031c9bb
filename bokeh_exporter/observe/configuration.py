"""What is running and how it is configured, as far as it changes what memory does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib import metadata
from typing import ClassVar

from .._version import __version__
from ..state import Level
from .frame import Frame, Observer
from .hosts import panel, tornado

#: How a process that tornado's autoreload replaces hands its count to the next one.
_RESTARTS = "_BOKEH_EXPORTER_RESTARTS"


class Configuration(Observer):
    """Versions, and the switches that make a server keep more: read from Panel only if it is imported."""

    name: ClassVar[str] = "configuration"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._restarts = int(os.environ.pop(_RESTARTS, "0"))
        self._versions = tuple(_version(package) for package in ("bokeh", "panel", "tornado"))

    def start(self) -> None:
        """Follow tornado's autoreload, which replaces the process: the count goes on through its environment."""
        self.state.counter("bokeh_server_app_reloads_total").inc(self._restarts)
        tornado.add_reload_hook(self._restarting)
        self.on.after("panel_reloaded", self._reloaded)

    def stop(self) -> None:
        """Take our function off tornado's list."""
        tornado.remove_reload_hook(self._restarting)

    def _restarting(self) -> None:
        os.environ[_RESTARTS] = str(self._restarts + 1)

    def _reloaded(self) -> None:
        self.state.counter("bokeh_server_app_reloads_total").inc()

    def collect(self) -> Iterable[Level]:
        """Read the switches."""
        yield Level("bokeh_exporter_build_info", 1, (__version__, *self._versions))
        flags = ("true" if on else "false" for on in _switches())
        yield Level("bokeh_server_config_info", 1, tuple(flags))


def _switches() -> tuple[bool, bool, bool, bool, bool]:
    """Return autoreload, warm, reuse_sessions, admin, profiler."""
    arguments, switches = sys.argv[1:], panel.switches()
    return (
        switches.autoreload or "--dev" in arguments,
        "--warm" in arguments,
        switches.reuse_sessions,
        switches.admin or "--admin" in arguments,
        switches.profiler,
    )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
