"""The report as one page that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from .._version import __version__
from .picture import picture
from .wording import built, cost, function, place, seconds, size, title

Row = dict[str, Any]

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --rebuilt: #c2410c; --updated: #1d4ed8; --quiet: #6b7280; }
@media (prefers-color-scheme: dark) { :root { --rebuilt: #fb923c; --updated: #93c5fd; --quiet: #9ca3af; } }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1150px; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
td.number, th.number { text-align: right; white-space: nowrap; }
pre { background: #8881; padding: .5rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.rebuilt { color: var(--rebuilt); } .updated-in-place { color: var(--updated); } .never-used { color: var(--quiet); }
svg { max-width: 100%; height: auto; }
svg text { fill: currentColor; font-size: 14px; } svg .small { font-size: 12px; } svg .head { font-weight: 600; }
svg rect { fill: none; stroke: currentColor; } svg .never-used rect { stroke-dasharray: 5 4; }
svg .plain { color: inherit; } svg .edge { fill: none; stroke: currentColor; stroke-width: 1.5; opacity: .75; }
svg .rebuilt rect, svg .edge.rebuilt { stroke-width: 2.5; }
"""


def html(content: Row) -> str:
    """Return the page of an inspection."""
    name = escape(content["app"])
    return "\n".join([
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">',
        f"<title>{name}: what a move rebuilds</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
        *_body(content), f"<p>bokeh-exporter {__version__}</p>\n</body>\n</html>\n",
    ])  # fmt: skip


def _body(content: Row) -> Iterator[str]:
    build, unused = content["build"], content["never_used"]
    yield f"<h1>{escape(content['app'])}</h1>"
    yield (
        f"<p>Built once as a session in {seconds(build['seconds'])}: {build['models']} models, "
        f"{len(content['elements'])} elements that are used, {len(unused)} that never are.</p>"
    )
    drawn = picture(content)
    if drawn:
        yield f'<h2>What each move leads to</h2>\n<div class="scroll">\n{drawn}\n</div>'
    if content["moves"]:
        yield "<h2>Moves</h2>"
        yield from _moves(content["moves"])
    if content["not_moved"]:
        yield "<h2>Not moved</h2>"
        yield from _table(("widget", "why"), ((each["widget"], each["why"]) for each in content["not_moved"]))
    yield "<h2>Elements, once for each session</h2>"
    yield from _elements([each for each in content["elements"] if each["once"] == "session"])
    if unused:
        yield "<h2>Never used</h2>"
        yield from _elements(unused)
    yield "<h2>At import, once in a process</h2>"
    imports = content["import"]
    yield f"<p>{seconds(imports['seconds'])} in import statements of the app.</p>"
    yield from _table(
        ("module", "where", "#time"),
        ((each["module"], place(each), seconds(each["seconds"])) for each in imports["modules"]),
    )
    yield from _elements([each for each in content["elements"] if each["once"] == "import"])


def _moves(moves: Iterable[Row]) -> Iterator[str]:
    yield '<div class="scroll"><table><thead><tr><th>widget</th><th>ran</th><th>does</th><th>cost</th></tr></thead>'
    for each in moves:
        does = [
            f'<div class="{style}">{what}: {escape(", ".join(built(row) for row in each[key]))}</div>'
            for style, what, key in (
                ("rebuilt", "rebuilt", "rebuilds"), ("updated-in-place", "updated in place", "updates"),
                ("never-used", "made and dropped", "discards"),
            ) if each[key]
        ]  # fmt: skip
        does += [_advice(one) for one in each["advice"]]
        label = f" {each['label']!r}" if each["label"] else ""
        ran = ", ".join(f"{function(one)} {seconds(one['seconds'])}" for one in each["functions"])
        yield (
            f"<tr><td>{escape(each['widget'] + label)}<br>{escape(each['name'] or '')} {escape(place(each))}</td>"
            f"<td>{escape(ran)}</td><td>{''.join(does)}</td><td>{escape(cost(each))}</td></tr>"
        )
    yield "</table></div>"


def _advice(advice: Row) -> str:
    diff = f"<pre>{escape(advice['diff'])}</pre>" if advice["diff"] else ""
    return f"<p>{escape(advice['text'])}</p>{diff}"


def _elements(rows: Iterable[Row]) -> Iterator[str]:
    yield from _table(
        ("element", "where", "made by", "shown", "#models", "#bytes", "#time"),
        (
            (
                title(each), place(each), f"{each['function']}()" if each["function"] else "",
                "yes" if each["shown"] else "no", each["models"], size(each["bytes"]),
                seconds(each["seconds"]) if each["seconds"] is not None else "",
            ) for each in rows
        ),
    )  # fmt: skip


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    heads, found = list(heads), [list(row) for row in rows]
    if not found:
        return
    styles = [' class="number"' if head.startswith("#") else "" for head in heads]
    cells = "".join(f"<th{style}>{head.removeprefix('#')}</th>" for head, style in zip(heads, styles, strict=True))
    yield f'<div class="scroll"><table><thead><tr>{cells}</tr></thead>'
    for row in found:
        cells = "".join(f"<td{style}>{escape(str(cell))}</td>" for cell, style in zip(row, styles, strict=True))
        yield f"<tr>{cells}</tr>"
    yield "</table></div>"
