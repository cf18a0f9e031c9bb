"""``bokeh-exporter demo``: see the exporter at work without an app of your own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
import urllib.error
from collections.abc import Iterator
from typing import Any, NoReturn

import click

from ..demo import APPS, DemoError, DemoServer, PrometheusServer, drive
from ..soak import SoakError
from ..soak.visitor import VisitError
from ..state.shipped_files import source
from .common import SETTINGS, Progress, fail
from .reach import Unreachable, open_url, status_of

#: Seconds between two looks at the verdict.
_PERIOD = 1.0
_TIMEOUT = 60.0
#: Looks between two collections.
_COLLECT = 5
_WHAT = {
    "clean": "changes the data of one plot",
    "retaining": "keeps its sessions in a list",
    "rebuilding": "rebuilds everything at each step",
}


@click.command("demo", context_settings=SETTINGS, short_help="Serve three small apps, and show which one leaks.")
@click.option("--port", type=click.IntRange(1, 65535), default=5006, show_default=True, help="Port of the apps.")
@click.option("--exporter-port", type=click.IntRange(1, 65535), default=10506, show_default=True,
              help="Port of the status page.")  # fmt: skip
@click.option("--prometheus", is_flag=True, help="Also start a Prometheus with the alert rules.")
@click.option("--json", "as_json", is_flag=True, help="Print events as lines of JSON.")
def command(port: int, exporter_port: int, prometheus: bool, as_json: bool) -> int:
    """Serve three small apps with the exporter, visit them, and say what to open. Press Ctrl-C to stop everything.

    \b
    bokeh-exporter demo
    bokeh-exporter demo --prometheus
    bokeh-exporter demo --port 6006 --exporter-port 9200 --json
    """
    reporter = Reporter(as_json)
    try:
        with _interrupted_by_sigterm(), contextlib.ExitStack() as stack:
            reporter.progress("starting", "the server")
            server = stack.enter_context(DemoServer(port, exporter_port))
            url = None
            if prometheus:
                reporter.progress("starting", "Prometheus")
                url = stack.enter_context(PrometheusServer(exporter_port, source("rules"))).url
            reporter.progress.end()
            reporter.started(server, url)
            asyncio.run(_run(server, reporter))
    except (DemoError, SoakError, VisitError) as error:
        reporter.progress.end()
        reporter.failed(str(error))
    except KeyboardInterrupt:
        reporter.progress.end()
        click.echo("ended", err=True)
    return 0


class Reporter:
    """Says what happens, to people or to a machine."""

    def __init__(self, as_json: bool) -> None:
        self._json = as_json
        self.progress = Progress()

    def _event(self, event: str, **content: Any) -> None:
        click.echo(json.dumps({"event": event, **content}))

    def started(self, server: DemoServer, prometheus: str | None) -> None:
        """Say what to open."""
        if self._json:
            apps = dict(zip(APPS, server.apps, strict=True))
            self._event("started", page=server.exporter, apps=apps, prometheus=prometheus)
            return
        click.echo(f"\n  {click.style(server.exporter + '/', bold=True)}   the status page: open it in a browser\n")
        for app, address in zip(APPS, server.apps, strict=True):
            click.echo(f"  {address:34}  {_WHAT[app]}")
        click.echo(f"\n  {server.exporter + '/metrics':34}  the metrics that Prometheus scrapes")
        if prometheus:
            click.echo(f"  {prometheus + '/':34}  Prometheus, with the rules under Alerts")
        click.echo("\nPress Ctrl-C to stop everything.\n")

    def visited(self, made: int, number: int) -> None:
        """Say how far the visitors are."""
        self.progress("visiting", f"{made} of {number}")

    def visited_all(self, rebuilt: list[dict[str, Any]]) -> None:
        """Print what was rebuilt most, and that the visitors have left."""
        self.progress.end()
        if self._json:
            self._event("visited", rebuilt=rebuilt)
            return
        for one in rebuilt[:1]:
            times = f"{one['per_interaction']:g} at each step of the slider"
            click.echo(f"rebuilt: {one['element']} of {one['app']} by {one['file']}:{one['line']}, {times}")
        click.echo("The visitors have left. Open the apps yourself, and watch the status page.")

    def verdict(self, verdict: dict[str, Any]) -> None:
        """Say what is judged."""
        self.progress.end()
        if self._json:
            self._event("verdict", **verdict)
            return
        colour = "green" if verdict["name"] == "healthy" else "yellow"
        click.echo(f"verdict: {click.style(verdict['name'], fg=colour, bold=True)}. {verdict['advice']}")
        for one in verdict["evidence"][:4]:
            click.echo(f"  - {one['text']}")

    def retained(self, retained: list[dict[str, Any]]) -> None:
        """Say who holds what."""
        self.progress.end()
        if self._json:
            self._event("retained", retained=retained)
            return
        for one in retained[:4]:
            steps = one["text"].replace(" -> ", "\n      -> ")
            click.echo(f"  held by {steps}")

    def failed(self, message: str) -> NoReturn:
        """Say why it cannot go on, and end."""
        if self._json:
            self._event("error", error=message)
        fail(f"demo: {message}")


async def _run(server: DemoServer, reporter: Reporter) -> None:
    visitors = asyncio.create_task(_visit(server, reporter))
    watching = asyncio.create_task(_watch(server, reporter))
    # The watch never ends by itself; whichever fails first ends both.
    await asyncio.gather(visitors, watching)


async def _visit(server: DemoServer, reporter: Reporter) -> None:
    await drive(server.apps, reporter.visited)
    rebuilt: list[dict[str, Any]] = []
    with contextlib.suppress(Unreachable):
        rebuilt = (await asyncio.to_thread(status_of, server.exporter))["most_rebuilt"]
    reporter.visited_all(rebuilt)


async def _watch(server: DemoServer, reporter: Reporter) -> None:
    shown, looks = "", 0
    while True:
        await asyncio.sleep(_PERIOD)
        looks += 1
        if looks % _COLLECT == 0:
            # On a busy machine the exporter soon ceases to collect by itself; a demonstration is not to wait for that.
            with contextlib.suppress(OSError, ValueError):
                await asyncio.to_thread(_post, server.exporter, "collect")
        if server.ended:
            raise DemoError(f"the server has ended: {server.last_words()}")
        try:
            verdict = (await asyncio.to_thread(status_of, server.exporter))["verdict"]
        except Unreachable:
            continue  # it ends, or is busy: the next look shows
        if verdict["name"] == shown:
            continue
        shown = verdict["name"]
        reporter.verdict(verdict)
        if shown == "retained_sessions":
            reporter.retained(await _holders(server))


async def _holders(server: DemoServer) -> list[dict[str, Any]]:
    deadline = time.monotonic() + _TIMEOUT
    while time.monotonic() < deadline:
        try:
            found: list[dict[str, Any]] = (await asyncio.to_thread(_post, server.exporter, "explain"))["retained"]
            return found
        except urllib.error.HTTPError as error:
            error.close()  # somebody else has just asked
        except (OSError, ValueError):
            return []
        await asyncio.sleep(_PERIOD)
    return []


def _post(url: str, name: str) -> dict[str, Any]:
    with open_url(f"{url}/debug/{name}", method="POST", timeout=_TIMEOUT) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


@contextlib.contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end it as Ctrl-C does: with all that it started."""

    def interrupt(number: int, frame: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
