"""What the commands share: exit statuses, settings of click, the way to fail."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import click

#: The verdict is ``healthy``, or there was nothing to judge.
HEALTHY = 0
#: Any other verdict.
UNHEALTHY = 1
#: The server, the app or the exporter cannot be reached, or failed.
FAILED = 2
#: Wrong usage, as ``sysexits.h`` has it.
EX_USAGE = 64

SETTINGS: dict[str, Any] = {"max_content_width": 110}


def fail(message: str, status: int = FAILED) -> NoReturn:
    """Say in one line what is wrong and how to mend it, and end."""
    click.echo(f"bokeh-exporter: {message}", err=True)
    sys.exit(status)
