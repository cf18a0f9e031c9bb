"""``bokeh-exporter soak``: visit an app for a minute and say whether it leaks, where, and what holds it."""

from __future__ import annotations

import json
import signal
import sys
from typing import NoReturn

import click

from ..soak import Plan, Report, SoakError, UsageError, soak
from ..soak.plan import MAX_DURATION
from .common import EX_USAGE, FAILED, HEALTHY, SETTINGS, UNHEALTHY, Progress, fail


@click.command("soak", context_settings=SETTINGS, short_help="Visit an app and report whether it leaks.")
@click.argument("target")
@click.option("--host", metavar="panel|bokeh", help="Server to use; default panel if TARGET imports panel, else bokeh.")
@click.option("--sessions", type=int, default=30, show_default=True, help="Visits that count, after two for warm-up.")
@click.option("--concurrency", type=int, default=2, show_default=True, help="Visits at a time.")
@click.option("--interact", is_flag=True, help="Let visitors move widgets and click buttons.")
@click.option("--query", metavar="TEMPLATE", help="Query of the page, such as 'theme=t{i}'; {i} is the visit's number.")
@click.option("--duration", type=float, metavar="SECONDS", help="Keep visiting for at least this many seconds.")
@click.option(
    "--max-duration", type=float, metavar="SECONDS", default=MAX_DURATION, show_default=True,
    help="Visit on for at most this long while it is undecided.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print only JSON on standard output.")
@click.argument("server_args", nargs=-1, type=click.UNPROCESSED)
def command(
    target: str,
    host: str | None,
    sessions: int,
    concurrency: int,
    interact: bool,
    query: str | None,
    duration: float | None,
    max_duration: float,
    as_json: bool,
    server_args: tuple[str, ...],
) -> int:
    """Serve TARGET on loopback, visit it as browsers do, and judge what stays in memory.

    Exit status: 0 healthy, 1 any other verdict, 2 the app or its server failed. SERVER_ARGS, after
    --, go to the server.

    \b
    bokeh-exporter soak app.py --interact
    bokeh-exporter soak app/ --host bokeh --sessions 100 --json
    bokeh-exporter soak app.py --query 'theme=t{i}' -- --reuse-sessions
    """
    try:
        plan = Plan.of(
            target, host=host, sessions=sessions, concurrency=concurrency, interact=interact, query=query,
            duration=duration, max_duration=max_duration, server_args=server_args,
        )  # fmt: skip
    except UsageError as error:
        fail(f"soak: {error}", EX_USAGE)
    # A pipeline that ends us, on its time limit say, must not leave the server behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    progress = Progress()
    try:
        report = soak(plan, progress)
    except SoakError as error:
        progress.end()
        _failed(error, as_json)
    progress.end()
    if as_json:
        click.echo(report.json())
    else:
        _print(report)
    return HEALTHY if report.healthy else UNHEALTHY


def _failed(error: SoakError, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps({"error": str(error)}))
    elif error.log:
        click.echo(error.log.rstrip(), err=True)
    fail(f"soak: {error}", FAILED)


def _print(report: Report) -> None:
    healthy, *rest = report.text().splitlines()
    click.echo(click.style(healthy, bold=True, fg="green" if report.healthy else "red"))
    for line in rest:
        click.echo(line)
