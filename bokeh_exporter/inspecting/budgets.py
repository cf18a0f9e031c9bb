"""What a move costs: held to a budget, and compared with a stored baseline as Markdown for a pull request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .wording import built, function, seconds, size

Row = dict[str, Any]
#: App -> widget -> what its move costs.
Costs = dict[str, dict[str, dict[str, float]]]

#: Cost -> its column.
_COLUMNS = {"rebuilds": "rebuilt", "models": "models created", "bytes": "bytes sent", "milliseconds": "ms"}
#: Times differ from run to run: by less than so many milliseconds, or this share, is no news.
_NOISE_MS, _NOISE = 50.0, 0.5


def find(content: Row, widget: str) -> Row:
    """Return the move of a widget, by its label or its variable.

    Raises:
        LookupError: there is none, or several; one line that names those that there are.
    """
    found = [move for move in content["moves"] if widget in (move["label"], move["name"])]
    if len(found) == 1:
        return dict(found[0])
    for each in content["not_moved"]:
        if each["widget"].partition(" ")[2].strip("'\"") == widget:
            raise LookupError(f"{widget}: not moved, {each['why']}")
    names = ", ".join(sorted({name_of(move) for move in content["moves"]})) or "none"
    raise LookupError(f"{widget}: {len(found) or 'no'} widgets have that label or variable; there are {names}")


def name_of(move: Row) -> str:
    """Return what a budget calls a widget."""
    return str(move["label"] or move["name"] or move["widget"])


def cost_of(move: Row) -> dict[str, float]:
    """Return what a move costs: the dearer way, there or back."""
    ways = [move, *([move["back"]] if move["back"] is not None else [])]
    return {
        "rebuilds": sum(each["count"] for each in move["rebuilds"]),
        "models": max(way["models"]["created"] for way in ways),
        "bytes": max(way["bytes"] for way in ways),
        "milliseconds": round(1000 * max(way["seconds"] for way in ways), 1),
    }


def exceeded(move: Row, budget: Mapping[str, float | None]) -> list[str]:
    """Return what a move costs more than its budget allows, a line each, then what it did."""
    if move["error"]:
        return [f"the move failed: {move['error'].splitlines()[0]}"]
    cost = cost_of(move)
    over = [
        f"{_COLUMNS[name]}: {cost[name]:g}, and {allowed:g} are allowed"
        for name, allowed in budget.items()
        if allowed is not None and cost[name] > allowed
    ]
    if not over:
        return []
    over += [f"ran {function(each)} {seconds(each['seconds'])}" for each in move["functions"]]
    over += [f"rebuilt {built(each)}" for each in move["rebuilds"]]
    for each in move["advice"]:
        over += [each["text"], *(each["diff"] or "").splitlines()]
    return over


def costs(content: Row) -> dict[str, dict[str, float]]:
    """Return what the move of each widget costs."""
    return {name_of(move): cost_of(move) for move in content["moves"]}


def read(path: Path) -> Costs:
    """Return a stored baseline; an empty one where there is no file.

    Raises:
        ValueError: the file holds none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    if not isinstance(found, dict) or not isinstance(found.get("apps"), dict):
        raise ValueError(f"{path}: no baseline of interactions, which has the key apps")
    return dict(found["apps"])


def write(path: Path, now: Costs) -> None:
    """Store a baseline; apps that were not inspected keep what they had."""
    apps = {**read(path), **now}
    text = json.dumps({"apps": {app: apps[app] for app in sorted(apps)}}, indent=2, sort_keys=True)
    path.write_text(f"{text}\n", encoding="utf-8")


def markdown(now: Costs, before: Costs) -> str:
    """Return what each move costs against a baseline, as Markdown: what rose or fell is in bold with its difference."""
    lines = ["## What each move costs"]
    for app, widgets in sorted(now.items()):
        known = before.get(app)
        lines += ["", f"### {app}", ""]
        if known is None:
            lines += ["There is no baseline of this app.", ""]
        lines += ["| widget | " + " | ".join(_COLUMNS.values()) + " |", "| --- | " + "---: | " * len(_COLUMNS)]
        for widget, cost in widgets.items():
            old = (known or {}).get(widget)
            cells = [_cell(name, cost[name], None if old is None else old.get(name)) for name in _COLUMNS]
            new = " (new)" if known is not None and old is None else ""
            lines.append(f"| {_escaped(widget)}{new} | " + " | ".join(cells) + " |")
        gone = [_escaped(widget) for widget in known or {} if widget not in widgets]
        if gone:
            lines += ["", "No longer there: " + ", ".join(gone)]
    return "\n".join([*(line.rstrip() for line in lines), ""])


def _cell(name: str, value: float, old: float | None) -> str:
    text = size(value) if name == "bytes" else f"{value:g}"
    if old is None or value == old:
        return text
    if name == "milliseconds" and abs(value - old) < max(_NOISE_MS, _NOISE * old):
        return text
    change = size(abs(value - old)) if name == "bytes" else f"{abs(value - old):g}"
    return f"**{text}** ({'+' if value > old else '-'}{change})"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
