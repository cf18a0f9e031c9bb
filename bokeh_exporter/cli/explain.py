"""``bokeh-exporter explain``: what keeps destroyed sessions in memory, as a tree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from .common import SETTINGS, UNHEALTHY
from .debug import post
from .target import reached, target_and_token


@click.command("explain", context_settings=SETTINGS, short_help="Show what keeps destroyed sessions in memory.")
@target_and_token
@click.option("--live", is_flag=True, help="Show what keeps live sessions instead.")
@click.option("--json", "as_json", is_flag=True, help="Print the raw answer as JSON.")
def command(target: str | None, token: str | None, live: bool, as_json: bool) -> int:
    """Show what keeps destroyed sessions in the memory of the server at TARGET: its PID, or its exporter's URL.

    Default TARGET: your only server on this machine. A URL needs BOKEH_EXPORTER_DEBUG=1 on the server.
    Exit status: 0 if nothing is retained except what the host itself keeps, 1 if something is. Waits while another
    search runs.

    \b
    bokeh-exporter explain 4711
    bokeh-exporter explain http://127.0.0.1:10506 --json
    """
    answer = post(reached(target, token), "/debug/explain" + ("?live=1" if live else ""), token)
    if as_json:
        click.echo(json.dumps(answer, indent=2))
    else:
        show(answer)
    return UNHEALTHY if answer["retained"] and not live else 0


def show(answer: Mapping[str, Any]) -> None:
    """Print what was found."""
    for found in answer["retained"]:
        click.echo("\n".join(tree(found)) + "\n")
    if not answer["retained"]:
        click.echo("nothing is retained")
    for found in answer.get("constant") or ():
        click.echo(f"constant: {found['text']}")
    for found in answer.get("containers") or ():
        click.echo("\n" + "\n".join(grown(found)))


def grown(found: dict[str, Any]) -> Iterator[str]:
    """Say of a container how much it grew, and what to do, in two lines."""
    yield f"{click.style('grew:', bold=True)} {found['text']}"
    yield f"   to do: {found['remedy']}"


def tree(found: dict[str, Any]) -> Iterator[str]:
    """Draw what holds something as lines: the root, each step below the one before, and all of it in a sentence."""
    yield click.style(found["root"], bold=True)
    for depth, step in enumerate(found["path"][1:]):
        where = f"  {step['file']}:{step['line']}" if step["file"] else ""
        yield f"{'   ' * depth}└─ {step['name'] or 'held'}: {step['type']}{where}"
    yield f"   {found['text']}"
    if found.get("remedy"):
        yield f"   to do: {found['remedy']}"
    yield from (f"   {line}" for line in (found.get("diff") or "").splitlines())
