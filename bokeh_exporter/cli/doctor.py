"""``bokeh-exporter doctor``: the verdict of a running server, its evidence and what to do, from ``/api/v1/status``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import click

from ..diagnose.blame.constants import HARMLESS
from .common import HEALTHY, SETTINGS, UNHEALTHY, fail
from .debug import Refused, asked
from .explain import grown, tree
from .reach import Unreachable, status_of
from .target import target_and_token, url_of

#: Seconds between two looks of ``--watch``.
_PERIOD = 2.0
#: Evidence of the verdicts that do not lead is shown, but not without end.
_EVIDENCE = 8
#: Keys of ``full_at``.
_FULL = ("time", "earliest", "latest")
_COLORS = {"healthy": "green", "event_loop_stalled": "red"}


@click.command("doctor", context_settings=SETTINGS, short_help="Diagnose a running server.")
@target_and_token
@click.option("--json", "as_json", is_flag=True, help="Print status and holders as JSON.")
@click.option("--watch", is_flag=True, help=f"Repeat every {_PERIOD:g} s until interrupted.")
def command(target: str | None, token: str | None, as_json: bool, watch: bool) -> int:
    """Diagnose the server at TARGET: the URL of its exporter, or the PID of the server.

    Default TARGET: your only server on this machine, or http://127.0.0.1:10506.

    \b
    bokeh-exporter doctor http://127.0.0.1:10506
    bokeh-exporter doctor 4711 --watch

    If sessions are retained or linger, it also shows who holds them. That works on the server's machine as its
    user, or with BOKEH_EXPORTER_DEBUG=1 on the server. Not with --watch, since it takes the server seconds.

    Exit status: 0 healthy, 1 any other verdict, 2 the exporter cannot be reached.
    """
    url: str | None = None
    while True:
        try:
            url = url or url_of(target, token)
            status = status_of(url, token)
        except Unreachable as error:
            if not watch or url is None:
                fail(str(error))
            click.echo(click.style(f"bokeh-exporter: {error}", fg="red"), err=True)
        else:
            if not watch:  # a search takes seconds and a full collection
                status = {**status, **_holders(url, token, status)}
            _show(status, as_json, watch)
            if not watch:
                return HEALTHY if status["verdict"]["name"] == "healthy" else UNHEALTHY
        time.sleep(_PERIOD)


def _holders(url: str, token: str | None, status: Mapping[str, Any]) -> dict[str, Any]:
    """Ask who holds what should have gone, as ``explain`` does, if anything should have; and what grew, if it is that.

    Returns:
        ``retained`` as ``POST /debug/explain`` gives it, None where that cannot be asked; ``retained_note`` says why.
        ``containers`` as there; none at the first time, which remembers them.
    """
    verdicts = {status["verdict"]["name"], *status["verdict"]["others"]}
    kept = sum(app.get("uncollected_sessions", {}).get("retained", 0) for app in status["apps"])
    found: list[Any] = []
    containers: list[Any] = []
    try:
        if verdicts & {"retained_sessions", "process_growth"} or kept > HARMLESS:
            answer = asked(url, "/debug/explain", token)
            found, containers = answer["retained"], answer.get("containers") or []
        elif "lingering_sessions" in verdicts:
            found = asked(url, "/debug/explain?live=1", token)["retained"]
    except Refused as error:
        return {"retained": None, "retained_note": str(error), "containers": []}
    return {"retained": found, "retained_note": None, "containers": containers}


def _show(status: Mapping[str, Any], as_json: bool, watch: bool) -> None:
    if as_json:
        click.echo(json.dumps(status, indent=None if watch else 2))
        return
    if watch:
        click.clear()
    click.echo("\n".join(_lines(status)))


def _lines(status: Mapping[str, Any]) -> Iterator[str]:
    verdict = status["verdict"]
    name = verdict["name"]
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(verdict["since"]))
    yield click.style(name, fg=_COLORS.get(name, "yellow"), bold=True) + f"  since {since}"
    if status.get("last_life"):
        yield click.style(status["last_life"]["text"], fg="yellow" if status["last_life"]["how"] != "clean" else None)
    if verdict["others"]:
        yield f"also: {', '.join(verdict['others'])}"
    for one in verdict["evidence"][:_EVIDENCE]:
        yield f"  - {one['text']}"
    yield verdict["advice"]
    for one in verdict.get("harm") or ():
        yield click.style(f"also harms users: {one['text']}", fg="yellow")
        yield f"  {one['advice']}"
    full = verdict.get("full_at")
    if full is not None:
        when, *bounds = (time.strftime("%a %Y-%m-%d %H:%M", time.localtime(full[key])) for key in _FULL)
        yield f"Out of memory on {when} (between {bounds[0]} and {bounds[1]}) at current traffic"
    if verdict.get("beside"):
        yield f"Also switched on, and uses more memory over time: {', '.join(verdict['beside'])}"
    stale = status["stale_seconds"]
    if stale is not None and stale > 5:
        yield click.style(f"The event loop is blocked: its numbers are {stale:.0f} s old.", fg="yellow")
    yield ""
    for found in status.get("retained") or ():
        yield from (*tree(found), "")
    for found in status.get("containers") or ():
        yield from (*grown(found), "")
    if status.get("retained_note"):
        yield f"Cannot show who holds them: {status['retained_note']}\n"
    yield from _memory(status["memory"])
    for app in status["apps"]:
        states = app.get("sessions", {})
        counts = ", ".join(f"{number:.0f} {state}" for state, number in states.items() if number)
        yield f"{app['app']}: {counts or 'no sessions'}{_kept(app)}{_constant(app, verdict)}"
    yield ""
    yield from _hooks(status["hooks"])
    for line in status.get("known_leaks") or ():
        yield click.style(line, fg="yellow")
    if status.get("untested"):
        yield click.style(status["untested"], fg="yellow")


def _memory(memory: Mapping[str, Any]) -> Iterator[str]:
    rss = memory.get("rss_bytes") or {}
    parts = [f"resident {sum(rss.values()) / 1e6:.0f} MB"] if rss else []
    malloc = memory.get("malloc_bytes") or {}
    parts += [f"malloc {state.replace('_', ' ')} {number / 1e6:.0f} MB" for state, number in malloc.items()]
    blocks = memory.get("python_allocated_blocks")
    parts += [f"Python blocks {blocks:,.0f}"] if blocks is not None else []
    if parts:
        yield ", ".join(parts)


def _kept(app: Mapping[str, Any]) -> str:
    kept = [
        f"{number:.0f} {what}{'' if number == 1 else 's'} {state}"
        for what in ("session", "model")
        for state, number in app.get(f"uncollected_{what}s", {}).items()
        if number
    ]
    return f"; of destroyed sessions {', '.join(kept)}" if kept else ""


def _constant(app: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """Say whose the one is that Bokeh and Panel keep: it is no leak, and looks like one."""
    texts = [one["text"] for one in verdict.get("constant") or () if one["app"] == app["app"]]
    kept = app.get("uncollected_sessions", {}).get("retained", 0) == HARMLESS
    return f" ({texts[0]})" if texts and kept and verdict["name"] != "retained_sessions" else ""


def _hooks(hooks: Mapping[str, bool]) -> Iterator[str]:
    missing = [hook for hook, fits in hooks.items() if not fits]
    colour = "yellow" if missing else "green"
    yield click.style(f"{len(hooks) - len(missing)} of {len(hooks)} hooks active", fg=colour)
    yield from (f"  {click.style('missing', fg='yellow')}  {hook}" for hook in missing)
