"""``bokeh-exporter inspect``: build an app once, and say what it is made of and what each move rebuilds."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import NoReturn

import click

from ..inspecting import Report, inspect, with_lifetime
from ..soak import Plan, SoakError, UsageError
from .common import EX_USAGE, FAILED, SETTINGS, Progress, fail


@click.command("inspect", context_settings=SETTINGS, short_help="Build an app once, and say what a move rebuilds.")
@click.argument("target")
@click.option("--host", metavar="panel|bokeh", help="Server to use; default panel if TARGET imports panel, else bokeh.")
@click.option("--query", metavar="QUERY", help="Query of the page, such as 'theme=dark'.")
@click.option("--click", "clicks", is_flag=True, help="Also click buttons; a click cannot be undone.")
@click.option("--json", "as_json", is_flag=True, help="Print only JSON on standard output.")
@click.option(
    "--html", "page", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write one page that needs nothing else, with the dependencies as a picture.",
)  # fmt: skip
@click.argument("server_args", nargs=-1, type=click.UNPROCESSED)
def command(
    target: str,
    host: str | None,
    query: str | None,
    clicks: bool,
    as_json: bool,
    page: Path | None,
    server_args: tuple[str, ...],
) -> None:
    """Build TARGET once as a session, in its own process, and move each widget there and back.

    Prints what the app creates at import and for each session, what is never used, and what a move of each widget
    rebuilds. Exit status 2: the app or its server failed. SERVER_ARGS, after --, go to the server.

    \b
    bokeh-exporter inspect app.py
    bokeh-exporter inspect app.py --html app.html
    bokeh-exporter inspect app.py --json | jq '.moves[] | {label, rebuilds}'
    """
    try:
        plan = Plan.of(target, host=host, query=(query or "").replace("{", "{{").replace("}", "}}"),
                       server_args=with_lifetime(server_args))  # fmt: skip
        if page is not None and not page.resolve().parent.is_dir():
            raise UsageError(f"--html {page}: there is no such directory")
    except UsageError as error:
        fail(f"inspect: {error}", EX_USAGE)
    # A pipeline that ends us, on its time limit say, must not leave the server behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    progress = Progress()
    try:
        report = inspect(plan, progress, click=clicks)
    except SoakError as error:
        progress.end()
        _failed(error, as_json)
    progress.end()
    if page is not None:
        _write(report, page)
    click.echo(report.json() if as_json else report.text())


def _write(report: Report, page: Path) -> None:
    try:
        page.write_text(report.html(), encoding="utf-8")
    except OSError as error:
        fail(f"inspect: --html {page}: {error.strerror}")


def _failed(error: SoakError, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps({"error": str(error)}))
    fail(f"inspect: {error}", FAILED)
