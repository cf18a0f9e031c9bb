"""``bokeh-exporter watch``: what each interaction ran and built, as a tree in the terminal, while users move widgets.

Of a running server it reads ``/api/v1/events``. Given an app it serves it, at the level ``element``, until interrupted.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import time
import urllib.error
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from ..soak.serving import Serving, ServingError
from ..state.ledger.text import element, function, libraries, names, size, took
from .common import SETTINGS, fail
from .reach import LARGEST, UNREADABLE, content_of, open_url, said_in, why_not
from .target import reached, target_and_token

#: Seconds without a sign of life: a server gives one each 10 s.
_SILENCE = 30.0


@click.command("watch", context_settings=SETTINGS, short_help="Show what each move of a widget runs and builds.")
@target_and_token
@click.option("--app", metavar="PATH", help="Print only interactions of this app, such as /sales.")
@click.option("--quiet", is_flag=True, help="Also print interactions in which no code of the app ran.")
@click.option("--port", type=click.IntRange(0, 65535), default=5006, show_default=True, help="Port of an app's server.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each interaction, a line each.")
def command(
    target: str | None, token: str | None, app: str | None, quiet: bool, port: int, as_json: bool
) -> int:  # fmt: skip
    """Print each interaction as a tree: widget, functions, and the elements that they built.

    TARGET is an app (a file or a directory), which is served until you press Ctrl+C; or a running server: the URL of
    its exporter, or its PID. A running server needs collect=element.

    \b
    bokeh-exporter watch app.py
    bokeh-exporter watch http://127.0.0.1:10506 --app /sales
    """
    # As Ctrl+C does, so that the server of an app does not outlive the command.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
        if target is not None and not target.isdigit() and "://" not in target and Path(target).exists():
            try:
                served = stack.enter_context(Serving(Path(target), port))
            except ServingError as error:
                fail(str(error))
            click.echo(f"{served.url}: open it and move a widget. Ctrl+C ends it.", err=True)
            url, token = served.exporter, served.token
        else:
            url = reached(target, token)
        asked = urlencode({"recent": 20, "quiet": int(quiet), **({"app": app} if app else {})})
        for content in _events(f"{url}/api/v1/events?{asked}", token):
            click.echo(json.dumps(content) if as_json else "\n".join(lines(content)))
            sys.stdout.flush()
    return 0


def _events(url: str, token: str | None) -> Iterator[Mapping[str, Any]]:
    asked = url.partition("?")[0]
    try:
        response = open_url(url, token, timeout=_SILENCE, ends=False)
    except urllib.error.HTTPError as error:
        said = said_in(error) if error.code != 401 else "it wants a token: --token"
        fail(f"{asked} answers {error.code}: {said}")
    except UNREADABLE as error:
        fail(f"{asked} cannot be asked: {why_not(error)}")
    with response:
        while True:
            try:
                line = response.readline(LARGEST)
            except UNREADABLE:
                fail(f"{asked} has stopped to answer: does the server run?")
            if not line:
                break
            if len(line) == LARGEST:
                fail(f"{asked} answers with a line without end: give the exporter's URL, which its log line names")
            if line.startswith(b"data: "):
                yield content_of(line[6:])
    fail(f"{asked} has ended")


def lines(one: Mapping[str, Any]) -> Iterator[str]:
    """Return an interaction as the lines of a tree."""
    clock = time.strftime("%H:%M:%S", time.localtime(one["time"]))
    session = f" [{one['session']}]" if one.get("session") else ""
    models = one["models"]
    yield click.style(f"{clock}{session} {who(one)}", bold=True) + f"  {took(one['seconds'])}{_sent(one)}"
    below = [*_tree(one["tree"]), *([text] for text in libraries(one))]
    if one["never_used"]:
        counts: dict[str, int] = {}
        for each in one["never_used"]:
            place = f"{each['element']} ({each['file']}:{each['line']})"
            counts[place] = counts.get(place, 0) + 1
        below.append([f"never used: {names(counts)}"])
    changed = ", ".join(f"{sum(models[what].values())} {what}" for what in ("created", "removed", "reused"))
    parts = [f"{name} {took(part)}" for name, part in one["parts"].items() if part >= 0.001]
    below += [[f"models: {changed}"], [f"time: {', '.join(parts) or took(one['seconds'])}"]]
    yield from _branches([*below, *([f"advice: {each['text']}"] for each in one.get("advice", ()))])


def who(one: Mapping[str, Any]) -> str:
    """Return what has caused an interaction."""
    cause = one["cause"]
    if cause["property"] is None:
        return f"{one['app']} {one['kind']}"
    label = f" {cause['label']!r}" if cause["label"] else ""
    place = f" ({cause['file']}:{cause['line']})" if cause["file"] else ""
    what = "" if cause["property"] in ("value", "active") else f" {cause['property']}"
    change = f" {cause['old']} -> {cause['new']}" if (cause["old"], cause["new"]) != (None, None) else ""
    return f"{one['app']} {cause['widget'] or 'document'}{label}{place}{what}{change}"


def _sent(one: Mapping[str, Any]) -> str:
    patches = f", {one['patches']} patches" if one["patches"] else ""
    # No function and no element is behind some, such as the busy indicator of a template.
    rest = f" ({size(one['unattributed_bytes'])} of no element)" if one["unattributed_bytes"] else ""
    return f"{patches}, {size(one['bytes_sent'])} sent{rest}" if one["bytes_sent"] else patches


#: Lines of a branch: its own, and those below it, which are indented already.
_Branch = list[str]


def _tree(nodes: list[Mapping[str, Any]]) -> list[_Branch]:
    found: list[_Branch] = []
    for node in nodes:
        built = [
            [f"{element(each)}{', ' + took(each['seconds']) if each['seconds'] else ''}"] for each in node["elements"]
        ]
        if node["name"] is None:
            found += built
            continue
        place = f" ({node['file']}:{node['line']})" if node["file"] else ""
        below = [*built, *_tree(node["functions"])]
        beside = [
            *([f"{node['models']} models"] if node["models"] else []),
            *([size(node["bytes"])] if node["bytes"] else []),
        ]
        if beside:
            below.append([f"{', '.join(beside)} beside them"])
        found.append([f"{function(node)}{place}", *_branches(below)])
    return found


def _branches(branches: list[_Branch]) -> Iterator[str]:
    for index, (head, *rest) in enumerate(branches):
        last = index == len(branches) - 1
        yield f"{'└─ ' if last else '├─ '}{head}"
        yield from (f"{'   ' if last else '│  '}{line}" for line in rest)
