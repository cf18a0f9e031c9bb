"""The command ``bokeh-exporter``. Never imported by a server process.

What a machine may read goes to standard output, errors go to standard error with a remedy. Wrong
usage ends with status 64, as ``sysexits.h`` has it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from . import catalogue as rows
from . import config as options
from . import startup
from ._version import __version__
from .config import Config, ConfigError

EX_USAGE = 64
_EXAMPLES = {"max_content_width": 110}


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command; every wrong use ends with status 64."""
    try:
        status = commands.main(args, prog_name="bokeh-exporter", standalone_mode=False)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(EX_USAGE)
    except ConfigError as error:
        click.echo(f"bokeh-exporter: {error}", err=True)
        sys.exit(EX_USAGE)
    sys.exit(status or 0)


@click.group(context_settings=_EXAMPLES, no_args_is_help=True)
@click.version_option(__version__, prog_name="bokeh-exporter")
def commands() -> None:
    """Prometheus exporter for Bokeh and Panel servers.

    \b
    bokeh-exporter run panel serve app.py
    panel serve app.py --setup "$(bokeh-exporter setup-script)"
    """


def _option_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, field in reversed(options.OPTIONS.items()):
        help = field.metadata["help"] + f" [{options.variable(name)}]"
        command = click.option(options.flag(name), name, metavar="VALUE", help=help)(command)
    return command


@commands.command(context_settings={"allow_interspersed_args": False, **_EXAMPLES})
@_option_flags
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(command: tuple[str, ...], **given: str | None) -> None:
    """Run COMMAND with the exporter in it: same process, arguments and signals.

    \b
    bokeh-exporter run bokeh serve app.py --port 5006
    bokeh-exporter run --port 9200 panel serve app.py
    bokeh-exporter run uvicorn app:app
    """
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    try:
        Config.load(**chosen)
    except ConfigError as error:
        # What came from a flag is called by the flag.
        raise ConfigError(_by_flag(str(error), chosen)) from None
    program = shutil.which(command[0])
    if program is None:
        click.echo(
            f"bokeh-exporter run: {command[0]!r} is not a command on the path: "
            "check its spelling, or activate the environment it is in",
            err=True,
        )
        sys.exit(127)
    environ = startup.environment(os.environ, chosen)
    if os.name == "nt":  # exec there starts a new process and gives the old one's console back at once
        sys.exit(subprocess.call([program, *command[1:]], env=environ))
    os.execve(program, list(command), environ)  # noqa: S606


def _by_flag(message: str, chosen: dict[str, Any]) -> str:
    for name in chosen:
        if message.startswith(f"{name}: "):
            return options.flag(name) + message[len(name) :]
    return message


@commands.command("setup-script")
def setup_script() -> None:
    """Print the path of the script to give to panel serve --setup.

    \b
    panel serve app.py --setup "$(bokeh-exporter setup-script)"
    """
    click.echo(Path(__file__).with_name("setup_script.py"))


@commands.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def catalogue(as_json: bool) -> None:
    """Print every metric: name, type, labels and meaning.

    \b
    bokeh-exporter catalogue
    bokeh-exporter catalogue --json
    """
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(metric) for metric in rows.CATALOGUE], indent=2))
        return
    for title, metrics in rows.groups():
        click.echo(click.style(title, bold=True))
        for metric in metrics:
            labels = "{" + ",".join(metric.label_names) + "}" if metric.labels else ""
            click.echo(f"  {metric.name}{labels}  {metric.kind}\n      {metric.help}")
