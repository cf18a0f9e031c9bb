"""uvicorn, which serves the ASGI hosts: its start, SIGTERM, and its end."""

from __future__ import annotations

from typing import Any

from .bokeh_server import terminating
from .seams import Seam

_SERVER = "uvicorn.server:Server"


def _nothing(*args: Any, **kwargs: Any) -> tuple[()]:
    return ()


SEAMS = (
    Seam(
        f"{_SERVER}.startup", "loop_runs", ("self",), "the endpoint and the samples until the first session opens",
        facts=_nothing, hook="uvicorn.Server.startup",
    ),
    Seam(
        f"{_SERVER}.handle_exit", "terminating", ("self", "sig"), "drain on SIGTERM under uvicorn", wrap=terminating,
        hook="uvicorn.Server.handle_exit",
    ),
    Seam(
        f"{_SERVER}.shutdown", "uvicorn_shutdown", ("self",), "the last telemetry before uvicorn ends the process",
        facts=_nothing, hook="uvicorn.Server.shutdown",
    ),
)  # fmt: skip

ATTRIBUTES = ()
