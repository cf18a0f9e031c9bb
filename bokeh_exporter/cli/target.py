"""Which exporter a command means: a URL, ``host:port``, the PID of a server, or nothing at all.

Without one, it is the server of this user on this machine whose local socket answers, if there is one; else the
default address. A PID means the local socket first, which can do more, then the port that the process listens on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import click
import psutil

from .. import config as options
from ..local_sockets import answers, folder
from .common import fail
from .reach import Unreachable, root, url_of_process

#: Where an exporter listens by default.
DEFAULT = "http://127.0.0.1:10506"
_HOST_PORT = re.compile(r"(?:[\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}")
_Command = TypeVar("_Command", bound=Callable[..., Any])


def target_and_token(command: _Command) -> _Command:
    """Add the argument TARGET and the option ``--token``, which also is read from the environment."""
    return click.argument("target", required=False)(with_token(command))


def with_token(command: _Command) -> _Command:
    """Add the option ``--token``, which also is read from the environment."""
    option = click.option(
        "--token",
        metavar="TOKEN",
        callback=lambda context, parameter, value: token_of(value),
        help=f"Bearer token of the endpoint. [{options.variable('token')}; the file {options.variable('token_file')}]",
    )
    return option(command)


def token_of(given: str | None) -> str | None:
    """Return the token that was given, or that the environment or its file has."""
    token = given or os.environ.get(options.variable("token"))
    path = os.environ.get(options.variable("token_file"))
    if not token and path:
        try:
            token = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            said = getattr(error, "strerror", None) or "it is no text"
            raise click.UsageError(
                f"{options.variable('token_file')}={path} cannot be read ({said}): give --token, or a file that this "
                "user may read"
            ) from None
    if token and not token.isprintable():
        raise click.UsageError("--token: a token is one line of printable characters")
    return token or None


def url_of(target: str | None, token: str | None) -> str:
    """Return the URL of the exporter that a command means.

    Raises:
        Unreachable: there is no such process, or no exporter in it.
        click.UsageError: it is neither a URL nor a PID.
    """
    if target is None:
        return _own() or DEFAULT
    if target.isdigit():
        found = sockets(int(target))
        return _local(found[0]) if found else url_of_process(int(target), token)
    if target.startswith(("http://", "https://", "unix://")):
        return root(target)
    if _HOST_PORT.fullmatch(target.removesuffix("/").removesuffix("/metrics")):
        return root(f"http://{target}")
    raise click.UsageError(f"{target!r} is neither a URL nor a PID: give the URL of the exporter, such as {DEFAULT}")


def reached(target: str | None, token: str | None) -> str:
    """Return the URL as :func:`url_of`; ends the command where there is none."""
    try:
        return url_of(target, token)
    except Unreachable as error:
        fail(str(error))


def sockets(pid: int | None = None) -> list[Path]:
    """Return the local sockets that answer, of one process or of all that this user may ask."""
    if not hasattr(os, "getuid"):
        return []
    folders = [folder()]
    if pid is not None:
        # It may have another TMPDIR than we have, or, in a container, another root.
        try:
            process = psutil.Process(pid)
            place = Path(process.environ().get("TMPDIR") or "/tmp") / f"bokeh-exporter-{process.uids().real}"  # noqa: S108
            folders += [place, Path(f"/proc/{pid}/root{place}")]
        except (psutil.Error, OSError):
            pass
    names = "*.sock" if pid is None else f"{pid}-*.sock"
    found = []
    for place in dict.fromkeys(folders):
        try:
            found += [path for path in sorted(place.glob(names)) if answers(path)]
        except OSError:
            continue
    return found


def _own() -> str | None:
    found = sockets()
    if len(found) > 1:
        pids = ", ".join(sorted({path.name.partition("-")[0] for path in found}))
        raise Unreachable(f"there are several servers here: give the PID of one ({pids}), or a URL")
    return _local(found[0]) if found else None


def _local(path: Path) -> str:
    return f"unix://{quote(str(path), safe='')}"
