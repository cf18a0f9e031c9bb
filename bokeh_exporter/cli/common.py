"""What the commands share: exit statuses, settings of click, failing, progress and colours."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

import click

from ..state.wording import printable

#: The verdict is ``healthy``, or there was nothing to judge.
HEALTHY = 0
#: Any other verdict.
UNHEALTHY = 1
#: The server, the app or the exporter cannot be reached, or failed.
FAILED = 2
#: Whoever read standard output has closed it (``| head``): 128 and the number of SIGPIPE, as of other commands.
PIPE_CLOSED = 141
#: Wrong usage, as ``sysexits.h`` has it.
EX_USAGE = 64

SETTINGS: dict[str, Any] = {"max_content_width": 110, "help_option_names": ["-h", "--help"]}


def colour() -> bool | None:
    """Whether to colour: not where ``NO_COLOR`` says so (https://no-color.org), else only at a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def fail(message: str, status: int = FAILED) -> NoReturn:
    """Say in one line what is wrong and how to fix it, and end. What a server said in it cannot write the terminal."""
    click.echo(f"bokeh-exporter: {printable(message)}", err=True)
    sys.exit(status)


class Progress:
    """Says on standard error how far it is: one line that is written over on a terminal, a line per step elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._step = ""

    def __call__(self, step: str, detail: str) -> None:
        """Hear of a step, and how far it is."""
        if self._terminal:
            click.echo(f"\r\033[K{step} {detail}", err=True, nl=False)
        elif step != self._step:
            click.echo(step, err=True)
        self._step = step

    def end(self) -> None:
        """Take the line away again."""
        if self._terminal:
            click.echo("\r\033[K", err=True, nl=False)
