"""The user's own hooks, beside the exporter's one import.

Each call is a line in the file that ``HOOK_CALLS`` names. ``?hook=raise-created`` and
``?hook=raise-destroyed`` make a session's hook raise. Bokeh calls these hooks as plain functions: a
coroutine would never be awaited, so one that hangs is in ``hanging_hooks.py``.
"""

import os
from pathlib import Path
from typing import Any

import bokeh_exporter.lifecycle  # noqa: F401 - installs the exporter


def called(hook: str) -> None:
    if "HOOK_CALLS" in os.environ:
        with Path(os.environ["HOOK_CALLS"]).open("a") as calls:
            calls.write(hook + "\n")


def misbehave(session_context: Any, moment: str) -> None:
    request = session_context.request
    if request is not None and request.arguments.get("hook") == [f"raise-{moment}".encode()]:
        raise ValueError(f"the user's hook for {moment} raises")


def on_server_loaded(server_context: Any) -> None:
    called("on_server_loaded")


def on_server_unloaded(server_context: Any) -> None:
    called("on_server_unloaded")


def on_session_created(session_context: Any) -> None:
    called("on_session_created")
    misbehave(session_context, "created")


def on_session_destroyed(session_context: Any) -> None:
    called("on_session_destroyed")
    misbehave(session_context, "destroyed")
