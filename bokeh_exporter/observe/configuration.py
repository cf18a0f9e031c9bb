"""What is running and how it is configured, as far as it changes what memory does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib import metadata
from typing import Any, ClassVar

from tornado import autoreload

from .._version import __version__
from ..state import Level
from .frame import Frame, Observer

#: How a process that tornado's autoreload replaces tells the next one how often that has happened.
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
        self.state.child("bokeh_server_app_reloads_total").inc(self._restarts)
        autoreload.add_reload_hook(self._restarting)

    def stop(self) -> None:
        """Take our function off tornado's list, which has no call for it."""
        hooks = getattr(autoreload, "_reload_hooks", [])
        if self._restarting in hooks:
            hooks.remove(self._restarting)

    def _restarting(self) -> None:
        os.environ[_RESTARTS] = str(self._restarts + 1)

    def refresh(self) -> None:
        """Hook into Panel's autoreload once Panel is imported."""
        reload = sys.modules.get("panel.io.reload")
        if reload is not None and "panel.reload._reload" not in self.patches.enabled:
            self.hook.after(reload, "_reload", self._reloaded, "module_paths", "changes", hook="panel.reload._reload")

    def _reloaded(self, module_paths: object, changes: object) -> None:
        self.state.child("bokeh_server_app_reloads_total").inc()

    def collect(self) -> Iterable[Level]:
        """Read the switches."""
        yield Level("bokeh_exporter_build_info", 1, (__version__, *self._versions))
        flags = ("true" if on else "false" for on in _switches())
        yield Level("bokeh_server_config_info", 1, tuple(flags))


def _switches() -> tuple[bool, bool, bool, bool, bool]:
    """Return autoreload, warm, reuse_sessions, admin, profiler."""
    panel: Any = getattr(sys.modules.get("panel.config"), "config", None)
    state: Any = getattr(sys.modules.get("panel.io.state"), "state", None)
    arguments = sys.argv[1:]
    return (
        bool(getattr(panel, "autoreload", False)) or "--dev" in arguments,
        "--warm" in arguments,
        bool(getattr(panel, "reuse_sessions", False)),
        bool(getattr(state, "_admin_context", None)) or "--admin" in arguments,
        bool(getattr(panel, "profiler", None)),
    )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
