"""``bokeh-exporter report``: what a maintainer needs to help, in a zip or as Markdown, without secrets.

Asked of the running server: its status, versions and command line, who holds what, stacks. The server masks what may be
secret; values of widgets, which the status has where ``show_values`` is on, are taken out here.
"""

from __future__ import annotations

import json
import shlex
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from .common import SETTINGS, fail
from .debug import Refused, asked, text_of
from .history_svg import picture
from .reach import Unreachable, status_of
from .target import reached, target_and_token

#: Rows of each table, and characters of the stacks in Markdown: an issue of GitHub may have 65,536.
_ROWS, _STACKS = 10, 20_000
_HELP = {
    "report.md": "everything, to read and to paste",
    "status.json": "verdict, apps, memory, callbacks, interactions, history",
    "about.json": "versions, command line and options, secrets masked",
    "explain.json": "what keeps destroyed sessions in memory",
    "stacks.txt": "stacks of threads and tasks",
    "history.svg": "memory and sessions of the last six hours",
}


@click.command("report", context_settings=SETTINGS, short_help="Collect what a maintainer needs to help you.")
@target_and_token
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Zip file to write; default report.zip, unless --markdown or --json is given.",
)
@click.option("--markdown", is_flag=True, help="Print it as Markdown on standard output, ready to paste.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(target: str | None, token: str | None, output: str | None, markdown: bool, as_json: bool) -> int:
    """Collect information about the server at TARGET, its PID or its exporter's URL, for an issue.

    Known secrets are masked; look through the report before you send it.

    \b
    bokeh-exporter report 4711 -o report.zip
    bokeh-exporter report --markdown
    """
    gathered = _gather(reached(target, token), token)
    if markdown or as_json:
        click.echo(json.dumps(gathered, indent=2) if as_json else "\n".join(_markdown(gathered)))
        click.echo("bokeh-exporter: look through it before you send it", err=True)
    if output or not (markdown or as_json):
        _write(Path(output or "report.zip"), gathered)
    return 0


def _gather(url: str, token: str | None) -> dict[str, Any]:
    try:
        status = status_of(url, token)
    except Unreachable as error:
        fail(str(error))
    for one in status.get("interactions") or ():
        one.get("cause", {}).update(old=None, new=None)
    found: dict[str, Any] = {"time": time.time(), "status": status, "missing": {}}
    asks: dict[str, Callable[[], Any]] = {
        "about": lambda: asked(url, "/debug/about", token),
        "explain": lambda: asked(url, "/debug/explain", token),
        "stacks": lambda: text_of(url, "/debug/stacks", token),
    }
    for name, ask in asks.items():
        try:
            found[name] = ask()
        except Refused as error:
            found[name] = None
            # Without the address, which is nobody's business.
            found["missing"][name] = str(error).partition(": ")[2].removeprefix(url) or "it was refused"
    return found


def _write(path: Path, gathered: Mapping[str, Any]) -> None:
    files = {
        "report.md": "\n".join(_markdown(gathered)) + "\n",
        "status.json": json.dumps(gathered["status"], indent=1),
        "history.svg": picture(gathered["status"].get("history") or {}),
    }
    for name in ("about", "explain"):
        if gathered[name] is not None:
            files[f"{name}.json"] = json.dumps(gathered[name], indent=1)
    if gathered["stacks"] is not None:
        files["stacks.txt"] = gathered["stacks"]
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, text in files.items():
                bundle.writestr(name, text)
    except OSError as error:
        fail(f"{path} cannot be written ({error.strerror}): give another file with -o")
    click.echo(f"{path}: look through it before you send it")
    for name, text in files.items():
        click.echo(f"  {name:<13} {len(text.encode()):>9,} bytes  {_HELP[name]}")
    for name, why in gathered["missing"].items():
        click.echo(f"  without {name}: {why}")


# --- Markdown ---------------------------------------------------------------------------------------


def _markdown(gathered: Mapping[str, Any]) -> Iterator[str]:
    status, about = gathered["status"], gathered["about"] or {}
    verdict = status["verdict"]
    yield f"## bokeh-exporter report, {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(gathered['time']))}"
    yield f"\n**Verdict: `{verdict['name']}`**" + (
        f", also {', '.join(verdict['others'])}" if verdict["others"] else ""
    )
    yield from (f"- {one['text']}" for one in verdict["evidence"])
    yield f"\n{verdict['advice']}"
    if verdict.get("observing"):
        yield f"\nStill observing: {verdict['observing']}"
    for bound in verdict.get("excluded") or ():
        yield f"- excluded: {bound.get('what')} above {bound.get('bound')} {bound.get('unit')}"
    for harm in verdict.get("harm") or ():
        yield f"- {harm.get('text')}"
    if status.get("last_life"):
        yield f"\n{status['last_life']['text']}"
    yield "\n### Versions and how it runs\n"
    versions = {"bokeh-exporter": status["version"], "python": about.get("python"), **about.get("versions", {})}
    yield ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    for key in ("platform", "libc", "processors", "options", "environment"):
        if about.get(key):
            yield f"- {key}: `{about[key]}`"
    if about:
        yield f"- command line: `{shlex.join(about['command_line'])}`"
    yield from _memory(status)
    yield from _holders(gathered["explain"], status.get("containers") or ())
    yield from _table("Callbacks", ("callback", "calls", "busy_seconds", "errors", "net_blocks"), status["callbacks"])
    yield from _table("What is rebuilt", None, status.get("most_rebuilt") or ())
    command = reproduces(about.get("command_line", ()))
    yield "\n### To reproduce it\n"
    yield f"```\n{command}\n```" if command else "The app's file is not on the command line: `bokeh-exporter soak APP`."
    if gathered["stacks"]:
        yield f"\n<details><summary>Stacks</summary>\n\n```\n{gathered['stacks'][:_STACKS].rstrip()}\n```\n</details>"
    for name, why in gathered["missing"].items():
        yield f"\nWithout {name}: {why}"


def _memory(status: Mapping[str, Any]) -> Iterator[str]:
    yield "\n### Memory and sessions\n"
    history = status.get("history") or {}
    for name, unit in (("rss_bytes", 1e6), ("sessions", 1), ("retained_sessions", 1), ("models", 1)):
        values = [value for value in history.get(name, ()) if value is not None]
        if values:
            hours = (history["time"][-1] - history["time"][0]) / 3600
            first, least, most, last = (x / unit for x in (values[0], min(values), max(values), values[-1]))
            what = name.replace("_bytes", " in MB").replace("_", " ")
            yield f"- {what}: {first:.0f} to {last:.0f} in {hours:.1f} h, between {least:.0f} and {most:.0f}"
    for app in status["apps"]:
        yield f"- `{app['app']}`: sessions {app.get('sessions', {})}, uncollected {app.get('uncollected_sessions', {})}"


def _holders(explain: Mapping[str, Any] | None, containers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "\n### What keeps destroyed sessions in memory\n"
    rows = (explain or {}).get("retained") or ()
    if explain is not None and not rows:
        yield "Nothing is retained."
    for row in rows:
        known = f" Known: {row.get('whose_text')}" if row.get("whose") == "known" else ""
        yield f"- {row['text']}{known}"
    grown = (explain or {}).get("containers") or containers
    if grown:
        yield "\n### What grew between two searches\n"
        yield from (f"- {row['text']}" for row in grown)


def _table(title: str, names: tuple[str, ...] | None, rows: Any) -> Iterator[str]:
    if not rows:
        return
    names = names or tuple(name for name, value in rows[0].items() if not isinstance(value, (dict, list)))
    yield f"\n### {title}\n"
    yield f"| {' | '.join(names)} |\n|{' --- |' * len(names)}"
    for row in list(rows)[:_ROWS]:
        cells = (row.get(name) for name in names)
        shown = (f"{cell:.3g}" if isinstance(cell, float) and cell % 1 else str(cell) for cell in cells)
        yield f"| {' | '.join(cell.replace('|', ' ') for cell in shown)} |"


def reproduces(command_line: Any) -> str | None:
    """Return soak's command for the app of ``panel serve APP`` or ``bokeh serve APP``; None where it names none."""
    words = list(command_line)
    if "serve" not in words:
        return None
    at = words.index("serve")
    host = "panel" if any("panel" in Path(word).name for word in words[:at]) else "bokeh"
    apps = [word for word in words[at + 1 :] if word.endswith((".py", ".ipynb"))]
    first = words[at + 1] if len(words) > at + 1 and not words[at + 1].startswith("-") else None
    app = apps[0] if apps else first
    return None if app is None else f"bokeh-exporter soak {shlex.quote(app)} --host {host} --interact"
