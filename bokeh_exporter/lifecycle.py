"""The server-lifecycle module: imported by a directory app's ``server_lifecycle.py``, it installs.

The import is enough, so it goes beside your own hooks; or the whole file is
``from bokeh_exporter.lifecycle import *``. Bokeh imports the file before the server listens, so a
bad option ends the server with one line and status 64.
"""

from __future__ import annotations

from typing import Any

from .installation import install_as_program

__all__ = ["on_server_loaded", "on_server_unloaded", "on_session_created", "on_session_destroyed"]

install_as_program()


def on_server_loaded(server_context: Any) -> None:
    """Bokeh's hook; the import has done the work."""


def on_server_unloaded(server_context: Any) -> None:
    """Bokeh's hook; the exporter serves until the process ends."""


def on_session_created(session_context: Any) -> None:
    """Bokeh's hook; sessions are counted where they are made."""


def on_session_destroyed(session_context: Any) -> None:
    """Bokeh's hook; sessions are counted where they are destroyed."""
