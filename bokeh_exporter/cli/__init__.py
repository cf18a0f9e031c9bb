"""The command ``bokeh-exporter``. Never imported by a server process.

One file per command; each offers it as ``command``. What a machine may read goes to standard output,
errors go to standard error with a remedy. Wrong usage ends with status 64, as ``sysexits.h`` has it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from .._version import __version__
from ..config import ConfigError
from . import capture, catalogue, dashboards, demo, doctor, explain, rules, run, setup_script, soak
from .common import EX_USAGE, SETTINGS, colour

__all__ = ["commands", "main"]


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command; every wrong use ends with status 64."""
    try:
        status = commands.main(args, prog_name="bokeh-exporter", standalone_mode=False, color=colour())
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(EX_USAGE)
    except ConfigError as error:
        click.echo(f"bokeh-exporter: {error}", err=True)
        sys.exit(EX_USAGE)
    sys.exit(status or 0)


@click.group(context_settings=SETTINGS, no_args_is_help=True)
@click.version_option(__version__, prog_name="bokeh-exporter")
def commands() -> None:
    """Prometheus exporter for Bokeh and Panel servers.

    \b
    bokeh-exporter demo
    bokeh-exporter run panel serve app.py
    panel serve app.py --setup "$(bokeh-exporter setup-script)"
    """


for module in (demo, run, setup_script, doctor, explain, capture, soak, catalogue, dashboards, rules):
    commands.add_command(module.command)
