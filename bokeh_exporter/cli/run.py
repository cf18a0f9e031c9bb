"""``bokeh-exporter run``: another command with the exporter in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import click

from .. import config as options
from .. import startup
from ..config import Config, ConfigError
from .common import SETTINGS

_CHOICE = "one of "
#: How a sentence on what an option must be begins -> the word for it in the help.
_KINDS = {
    "0 or 1": "0|1", "a number of seconds": "SECONDS", "a number": "NUMBER", "a whole number": "NUMBER",
    "a share": "SHARE", "the path of a folder": "FOLDER", "the path": "FILE", "an address": "ADDRESS",
    "names": "NAMES", "URLs": "URLS",
}  # fmt: skip


def _option_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, field in reversed(options.OPTIONS.items()):
        help = f"{field.metadata['help']} [{options.variable(name)}{_default(field)}]"
        command = click.option(options.flag(name), name, metavar=_kind(field.metadata["wants"]), help=help)(command)
    return command


def _kind(wants: str) -> str:
    """Return the choices of an option, or a word for what it takes."""
    if wants.startswith(_CHOICE):
        return wants.removeprefix(_CHOICE).replace(", ", "|")
    return next((word for start, word in _KINDS.items() if wants.startswith(start)), "TEXT")


def _default(field: Any) -> str:
    default = field.default
    if default is None:
        return ""
    return f"; default {default if isinstance(default, str) else f'{default:.9g}'}"


@click.command(
    "run",
    context_settings={"allow_interspersed_args": False, **SETTINGS},
    short_help="Run a command with the exporter in it.",
)
@_option_flags
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def command(command: tuple[str, ...], **given: str | None) -> None:
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
