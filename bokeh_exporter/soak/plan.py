"""What is asked of a soak: the app, its host, how many visits, the server's own arguments; checked before it starts."""

from __future__ import annotations

import argparse
import ast
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

HOSTS = ("panel", "bokeh")
#: Milliseconds: so short that nobody waits for a session to expire.
LIFETIME_MS, CHECK_MS = 500, 200
#: Seconds that an undecided soak goes on for.
MAX_DURATION = 240.0
#: Addresses that stand for all; a visitor needs one.
_ANY = ("0.0.0.0", "::", "")  # noqa: S104


class UsageError(ValueError):
    """What is asked cannot be done: one line that says what can."""


@dataclass(frozen=True)
class ServerArgs:
    """What of the server's own arguments a visitor must know; the last one given counts, as in the server.

    Attributes:
        given: all of them, as they go to the server.
        port: to listen on; None takes a free one.
        address: where to reach it.
        prefix: of the paths, ``""`` or ``/prefix``.
        lifetime: seconds that a session without a browser is kept.
        check: seconds between two looks for such sessions.
    """

    given: tuple[str, ...] = ()
    port: int | None = None
    address: str = "127.0.0.1"
    prefix: str = ""
    lifetime: float = LIFETIME_MS / 1000
    check: float = CHECK_MS / 1000


@dataclass(frozen=True)
class Plan:
    """One soak. Made by :meth:`of`.

    Attributes:
        target: the app, a file or a directory.
        host: the command that serves it.
        sessions: how many visits count; two more come first.
        concurrency: how many of them at a time.
        interact: whether visitors move widgets and click buttons.
        query: of the page, with ``{i}`` for the number of the visit.
        duration: seconds that visits go on for at least.
        max_duration: seconds after which no more visits are made than were asked for, sure or not.
        server: the server's own arguments.
    """

    target: Path
    host: str
    sessions: int = 30
    concurrency: int = 2
    interact: bool = False
    query: str = ""
    duration: float = 0.0
    max_duration: float = MAX_DURATION
    server: ServerArgs = ServerArgs()

    @classmethod
    def of(
        cls,
        target: str | Path,
        *,
        host: str | None = None,
        sessions: int = 30,
        concurrency: int = 2,
        interact: bool = False,
        query: str | None = None,
        duration: float | None = None,
        max_duration: float = MAX_DURATION,
        server_args: Sequence[str] = (),
    ) -> Plan:
        """Check what is asked for.

        Raises:
            UsageError: it cannot be done.
        """
        path = Path(target)
        if not path.exists():
            raise UsageError(f"{target}: there is no such file or directory; name an app as for panel serve")
        if host not in (None, *HOSTS):
            raise UsageError(f"--host {host}: must be one of {', '.join(HOSTS)}")
        for name, value in (("--sessions", sessions), ("--concurrency", concurrency)):
            if value < 1:
                raise UsageError(f"{name} {value}: must be a whole number from 1")
        for name, seconds in (("--duration", duration), ("--max-duration", max_duration)):
            if seconds is not None and not 0 <= seconds <= 7 * 86400:
                raise UsageError(f"{name} {seconds:g}: must be a number of seconds, at most a week")
        template = (query or "").removeprefix("?")
        try:
            template.format(i=1)
        except (KeyError, IndexError, ValueError):
            raise UsageError(f"--query {query!r}: only {{i}}, the number of the visit, can be filled in") from None
        chosen = host or ("panel" if imports_panel(path) else "bokeh")
        return cls(
            path, chosen, sessions, concurrency, interact, template, duration or 0.0, max_duration,
            read_server_args(server_args),
        )  # fmt: skip

    @property
    def path(self) -> str:
        """The app's path on the server, with the server's prefix."""
        name = self.target.resolve()
        return f"{self.server.prefix}/{name.name if name.is_dir() else name.stem}"

    def names_app(self, stall: str) -> bool:
        """Whether the line on a stall names the app or a file of it; else a collection or a tool may have blocked."""
        files = [file.name for file in self.target.rglob("*.py")] if self.target.is_dir() else [self.target.name]
        return any(f" {name}:" in stall for name in (*files, self.path.removeprefix(self.server.prefix)))


def imports_panel(target: Path) -> bool:
    """Whether an app, a script, notebook or directory, imports Panel."""
    files = sorted(target.rglob("*.py")) + sorted(target.glob("*.ipynb")) if target.is_dir() else [target]
    return any(_imports_panel(file) for file in files)


def _imports_panel(file: Path) -> bool:
    try:
        source = file.read_text(encoding="utf-8")
        if file.suffix == ".ipynb":
            cells = json.loads(source)["cells"]
            source = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
            return "import panel" in source or "from panel" in source
        tree = ast.parse(source)
    except (OSError, ValueError, SyntaxError, KeyError):
        return file.suffix == ".md"  # only Panel serves Markdown
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        if any(name.split(".")[0] == "panel" for name in names):
            return True
    return False


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"SERVER ARGS: {message}")


def read_server_args(given: Sequence[str]) -> ServerArgs:
    """Read what a visitor must know of the server's arguments.

    Raises:
        UsageError: a server like that cannot be soaked.
    """
    parser = _Parser(add_help=False, allow_abbrev=True)
    parser.add_argument("--port", type=int)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--prefix", default="")
    parser.add_argument("--num-procs", type=int, default=1)
    parser.add_argument("--num-threads")
    parser.add_argument("--unused-session-lifetime", type=int, default=LIFETIME_MS)
    parser.add_argument("--check-unused-sessions", type=int, default=CHECK_MS)
    for refused in ("--unix-socket", "--ssl-certfile"):
        parser.add_argument(refused)
    # What follows --args is the app's.
    own = list(given)[: list(given).index("--args")] if "--args" in given else list(given)
    known, _ = parser.parse_known_args(own)
    if known.num_procs != 1:
        raise UsageError(f"--num-procs {known.num_procs}: soak observes one process, remove it")
    if known.unix_socket or known.ssl_certfile:
        raise UsageError("--unix-socket and --ssl-certfile: soak visits over plain HTTP on loopback, remove them")
    return ServerArgs(
        tuple(given), known.port or None, "127.0.0.1" if known.address in _ANY else known.address,
        f"/{known.prefix.strip('/')}" if known.prefix.strip("/") else "",
        known.unused_session_lifetime / 1000, known.check_unused_sessions / 1000,
    )  # fmt: skip
