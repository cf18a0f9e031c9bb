"""The command ``bokeh-exporter``. Never imported by a server process.

One file per command; each offers it as ``command``. What a machine may read goes to standard output,
errors go to standard error with a remedy. Wrong usage ends with status 64, as ``sysexits.h`` has it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from .._version import __version__
from ..config import ConfigError
from . import (
    act,
    capture,
    catalogue,
    dashboards,
    demo,
    doctor,
    explain,
    inspect,
    reach,
    report,
    rules,
    run,
    setup_script,
    soak,
    top,
    watch,
)
from .common import EX_USAGE, PIPE_CLOSED, SETTINGS, colour, fail

__all__ = ["commands", "main"]


#: What the parts of an answer raise that is not what an exporter sends.
_NONSENSE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError, RecursionError)


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command; every wrong use ends with status 64."""
    try:
        status = commands.main(args, prog_name="bokeh-exporter", standalone_mode=False, color=colour())
    except click.Abort:
        sys.exit(130)
    except click.UsageError as error:
        fail(_usage_line(error), EX_USAGE)
    except click.ClickException as error:
        fail(error.format_message(), EX_USAGE)
    except ConfigError as error:
        fail(str(error), EX_USAGE)
    except _NONSENSE:
        if not reach.answered:
            raise  # no server has a part in it
        fail("what answers there is not a bokeh_exporter of this version: give the exporter's URL, not the server's")
    sys.exit(status or 0)


def _usage_line(error: click.UsageError) -> str:
    """Return in one line what was called wrongly, and where it says how to call it."""
    path = error.ctx.command_path if error.ctx is not None else "bokeh-exporter"
    said = error.format_message().rstrip(".")
    command = path.removeprefix("bokeh-exporter").strip()
    end = "" if said.endswith("?") else "."
    return f"{command}{': ' if command else ''}{said[:1].lower()}{said[1:]}{end} See {path} --help"


class _Commands(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # click would end with 1, which is a verdict here
            # What is buffered has nowhere to go; Python would complain of it at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(PIPE_CLOSED)


@click.group(cls=_Commands, context_settings=SETTINGS, no_args_is_help=True)
@click.version_option(__version__, prog_name="bokeh-exporter")
def commands() -> None:
    """Prometheus exporter for Bokeh and Panel servers.

    \b
    bokeh-exporter demo
    bokeh-exporter run panel serve app.py
    panel serve app.py --setup "$(bokeh-exporter setup-script)"
    """


for module in (
    demo,
    run,
    setup_script,
    doctor,
    top,
    explain,
    capture,
    report,
    soak,
    inspect,
    catalogue,
    dashboards,
    rules,
    watch,
):
    commands.add_command(module.command)
for command in act.COMMANDS:
    commands.add_command(command)
