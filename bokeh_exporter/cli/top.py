"""``bokeh-exporter top``: the status of running servers in a terminal, updated until interrupted."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import click

from .common import SETTINGS, fail
from .reach import Unreachable, fleet_of, status_of
from .target import reached, with_token

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH, _ROWS = 40, 12


@click.command("top", context_settings=SETTINGS, short_help="Show running servers in the terminal.")
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@with_token
@click.option(
    "--interval", type=click.FloatRange(0.2, 3600), default=2.0, show_default=True, help="Seconds between two updates."
)
@click.option("--once", is_flag=True, help="Show it once; the default if standard output is not a terminal.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print once as JSON: the server's status, or the rows of several."
)
def command(targets: tuple[str, ...], token: str | None, interval: float, once: bool, as_json: bool) -> int:
    """Show verdict, memory, sessions and busiest callbacks of the server at TARGET, its PID or its exporter's URL.

    Several targets, or one with peers, are shown as a table with one line per process.

    \b
    bokeh-exporter top
    bokeh-exporter top 4711 --interval 5
    bokeh-exporter top http://host-a:10506 http://host-b:10506
    """
    urls = [reached(target, token) for target in targets or (None,)]
    before: Mapping[str, Any] | None = None
    while True:
        status = _status(urls[0], token) if len(urls) == 1 else None
        rows = _rows(urls, token)
        if as_json:
            click.echo(json.dumps(status if status is not None else rows, indent=2))
            return 0
        repeats = not once and sys.stdout.isatty()
        if repeats:
            click.clear()
        if status is not None:
            click.echo("\n".join(_lines(status, before)))
        if len(rows) > 1:
            click.echo("\n".join(_table(rows)))
        if not repeats:
            return 0
        before = status
        time.sleep(interval)


def _status(url: str, token: str | None) -> dict[str, Any]:
    try:
        return status_of(url, token)
    except Unreachable as error:
        fail(str(error))


def _rows(urls: list[str], token: str | None) -> list[dict[str, Any]]:
    """Return a row for each process that these exporters know, each process once."""
    rows: dict[str, dict[str, Any]] = {}
    for url in urls:
        for row in fleet_of(url, token) or [{"url": url, "problem": _problem(url, token)}]:
            row["url"] = row.get("url") or url
            rows.setdefault(str(row.get("instance") or row["url"]), row)
    return list(rows.values())


def _problem(url: str, token: str | None) -> str:
    try:
        status_of(url, token)
    except Unreachable as error:
        return str(error).removeprefix(f"{url} ")
    return "its exporter is older and has no such table"


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield click.style(
        f"\n{'process':<36}{'verdict':<22}{'connected':>10}{'sessions':>10}{'retained':>9}{'MB':>8}", bold=True
    )
    for row in rows:
        name = str(row["url"])[-35:]
        if row.get("problem"):
            yield f"{name:<36}" + click.style(str(row["problem"]), fg="red")
            continue
        verdict = str(row.get("verdict") or "?")
        colour = "green" if verdict == "healthy" else "yellow"
        numbers = [float(row.get(key) or 0.0) for key in ("connected", "sessions", "retained", "rss_bytes")]
        yield (
            f"{name:<36}{click.style(f'{verdict:<22}', fg=colour)}{numbers[0]:>10.0f}{numbers[1]:>10.0f}"
            f"{numbers[2]:>9.0f}{numbers[3] / 1e6:>8.0f}"
        )


def _lines(status: Mapping[str, Any], before: Mapping[str, Any] | None) -> Iterator[str]:
    verdict, history = status["verdict"], status.get("history") or {}
    colour = "green" if verdict["name"] == "healthy" else "yellow"
    yield click.style(verdict["name"], fg=colour, bold=True) + f"  {time.strftime('%H:%M:%S')}"
    yield from (f"  {one['text']}" for one in verdict["evidence"][:3])
    for title, name, unit in (("memory MB", "rss_bytes", 1e6), ("sessions", "sessions", 1), ("models", "models", 1)):
        values = [value / unit for value in history.get(name, ()) if value is not None]
        if values:
            yield f"{title:<10} {values[-1]:>9,.0f}  {bars(values[-_WIDTH:])}"
    yield click.style(f"\n{'app':<28}{'connected':>10}{'unused':>8}{'retained':>9}{'models':>9}", bold=True)
    for app in status["apps"][:_ROWS]:
        states, kept = app.get("sessions", {}), app.get("uncollected_sessions", {})
        yield (
            f"{app['app'][:27]:<28}{states.get('connected', 0):>10.0f}{states.get('unused', 0):>8.0f}"
            f"{kept.get('retained', 0):>9.0f}{app.get('models') or 0:>9.0f}"
        )
    # Since the last look, where there was one; else ever.
    seconds = {(one["app"], one["callback"]): one["busy_seconds"] or 0.0 for one in (before or {}).get("callbacks", ())}
    rows = [(one["busy_seconds"] - seconds.get((one["app"], one["callback"]), 0.0), one) for one in status["callbacks"]]
    span = status["time"] - before["time"] if before else None
    head = "busy %" if span else "busy s"
    yield click.style(f"\n{head:>7}{'calls':>9}{'errors':>8}  callback", bold=True)
    for busy, one in sorted(rows, key=lambda row: -row[0])[:_ROWS]:
        shown = 100 * busy / span if span else busy
        yield f"{shown:>7.1f}{one['calls'] or 0:>9.0f}{one['errors'] or 0:>8.0f}  {one['callback'][:70]}"


def bars(values: list[float]) -> str:
    """Draw numbers as a line of blocks, the lowest as the smallest."""
    low, high = min(values), max(values)
    return "".join(_BARS[int((value - low) / (high - low) * 7) if high > low else 0] for value in values)
