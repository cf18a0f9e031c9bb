"""``trim``, ``census``, ``stacks``, ``drain``, ``attach`` and ``detach``: what acts on a running server."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import click

from .. import config as options
from ..clients.remote_exec import RemoteError, run_in
from ..diagnose.verdicts.series import size
from .common import SETTINGS, UNHEALTHY, fail
from .debug import Refused, post, text_of
from .explain import show
from .target import reached, target_and_token

#: Rows of a census that are printed.
_ROWS = 30
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the raw answer as JSON.")


@click.command("trim", context_settings=SETTINGS, short_help="Return a server's free memory to the system.")
@target_and_token
@_AS_JSON
def trim(target: str | None, token: str | None, as_json: bool) -> int:
    """Collect garbage in the server at TARGET and return free memory to the system. This pauses the app.

    \b
    bokeh-exporter trim 4711
    """
    done = post(reached(target, token), "/debug/trim", token)
    if as_json:
        click.echo(json.dumps(done, indent=2))
    elif not done.get("supported", True):
        fail(f"nothing was trimmed: {done.get('reason')}")
    else:
        click.echo(f"{size(done['released_bytes'])} returned, the app paused for {done['pause_seconds'] * 1e3:.0f} ms")
    return 0


@click.command("census", context_settings=SETTINGS, short_help="Count a server's objects by type.")
@target_and_token
@_AS_JSON
def census(target: str | None, token: str | None, as_json: bool) -> int:
    """Count the objects of the server at TARGET by type. This blocks the server, 0.2 s per million objects.

    \b
    bokeh-exporter census 4711
    """
    found = post(reached(target, token), "/debug/census", token)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return 0
    click.echo(f"{found['objects']:,} objects; the interpreter was blocked for {found['stall_seconds']:.2f} s")
    for name, row in list(found["types"].items())[:_ROWS]:
        click.echo(f"{row['count']:>10,} {size(row['bytes']) if row['bytes'] else '':>10}  {name}")
    if found["skipped"]:
        click.echo(found["skipped"])
    return 0


@click.command("stacks", context_settings=SETTINGS, short_help="Show the stacks of a server's threads and tasks.")
@target_and_token
@_AS_JSON
def stacks(target: str | None, token: str | None, as_json: bool) -> int:
    """Show the stacks of threads and tasks of the server at TARGET, even while its event loop is blocked.

    \b
    bokeh-exporter stacks 4711
    """
    text = _text(target, token, "/debug/stacks")
    click.echo(json.dumps({"time": time.time(), "stacks": text}, indent=2) if as_json else text.rstrip())
    return 0


@click.command("drain", context_settings=SETTINGS, short_help="End a server after its visitors have left.")
@target_and_token
@_AS_JSON
def drain(target: str | None, token: str | None, as_json: bool) -> int:
    """Stop new visits to the server at TARGET, and end it when its visitors have left or at the deadline.

    \b
    bokeh-exporter drain 4711
    """
    text = _text(target, token, "/debug/drain")
    click.echo(json.dumps({"text": text.strip()}) if as_json else text.rstrip())
    return 0


def _text(target: str | None, token: str | None, path: str) -> str:
    try:
        return text_of(reached(target, token), path, token)
    except Refused as error:
        fail(str(error))


@click.command("attach", context_settings=SETTINGS, short_help="Get into a server that runs. Python 3.14 and newer.")
@click.argument("pid", type=click.IntRange(min=1))
@click.option("--port", type=int, default=0, show_default=True, help="Port of its endpoint; 0 takes a free one.")
@click.option("--collect", type=click.Choice(options.LEVELS), default="callback", show_default=True, help="How deep.")
@click.option(
    "--debug/--no-debug", default=True, show_default=True, help="Whether it may explain, trim, count and so on."
)
@click.option("--explain", "explains", is_flag=True, help="Then show what keeps destroyed sessions in memory.")
@click.option("--json", "as_json", is_flag=True, help="Print one object: url, sessions, left and explained.")
def attach(pid: int, port: int, collect: str, debug: bool, explains: bool, as_json: bool) -> int:
    """Install the exporter into the Bokeh or Panel server of process PID, without a restart, and print its URL.

    Sessions that are open are watched from now on, counts begin now. What destroyed sessions left in memory before is
    recognised by its state. The server must run the same minor version of Python, 3.14 or newer. This package may come
    from here: its folder is put behind the server's own path. Exit status with --explain: as that of explain.

    \b
    bokeh-exporter attach 4711
    bokeh-exporter attach 4711 --explain
    bokeh-exporter detach 4711
    """
    given = {"port": port, "collect": collect, "debug": debug}
    done = _run_in(pid, f"attaching.attach(answer, {given!r}, paths)", brings=True)
    answer = {key: done[key] for key in ("url", "sessions", "left")}
    if not as_json:
        click.echo(done["url"])
        click.echo(
            f"attached; {done['sessions']} sessions that were there are watched from now on, counts begin now", err=True
        )
        click.echo(_words_of(done["left"]) or f"what had ended before is not seen: {done['unseen']}", err=True)
    answer["explained"] = found = _run_in(pid, "attaching.explain(answer)") if explains else None
    if as_json:
        click.echo(json.dumps(answer))
    elif found is not None:
        show(found)
    return UNHEALTHY if found is not None and found["retained"] else 0


def _words_of(left: Mapping[str, int]) -> str:
    words = [f"{left[kind]} {kind if kind != 'document' else 'Document'}s" for kind in left]
    return f"in memory of what had ended before: {', '.join(words)}" if words else ""


@click.command("detach", context_settings=SETTINGS, short_help="Take the exporter out of a server that runs.")
@click.argument("pid", type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help="Print one object: detached.")
def detach(pid: int, as_json: bool) -> None:
    """Take the exporter out of the server of process PID: every class is as before.

    \b
    bokeh-exporter detach 4711
    """
    _run_in(pid, "attaching.detach(answer)")
    click.echo(json.dumps({"detached": pid}) if as_json else f"detached from {pid}")


def _run_in(pid: int, call: str, brings: bool = False) -> Mapping[str, Any]:
    try:
        return run_in(pid, call, lambda line: click.echo(line, err=True), brings=brings)
    except RemoteError as error:
        fail(str(error))


COMMANDS = (trim, census, stacks, drain, attach, detach)
