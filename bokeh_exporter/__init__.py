"""Prometheus and OpenTelemetry exporter for Bokeh and Panel servers.

The public names, loaded when first used: importing the package imports neither Bokeh nor tornado,
so that ``bokeh-exporter run`` costs nothing in a process that turns out to be no server.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .config import Config, ConfigError
    from .exporter import Exporter
    from .installation import install, uninstall

__all__ = ["Config", "ConfigError", "Exporter", "__version__", "install", "uninstall"]

_HOMES = {
    "Config": "config",
    "ConfigError": "config",
    "Exporter": "exporter",
    "install": "installation",
    "uninstall": "installation",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
