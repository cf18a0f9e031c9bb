"""What an inspection found: the object that ``--json`` prints, and the same for people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..soak.plan import Plan
from ..soak.widgets import NUMBERED
from .advice import advice
from .html import html
from .names import Sources
from .recomputes import frozen
from .wording import lines

Row = dict[str, Any]
#: Properties of a layout that say what is in it: they change where something is rebuilt.
_PLACING = frozenset({"children", "tabs", "objects", "elements", "child"})
#: Counts of models in the record of an interaction.
_MODELS = ("created", "removed", "reused", "added", "discarded")


@dataclass
class Moved:
    """One widget that was moved.

    Attributes:
        name: its class and label, as on the page.
        id: of its model.
        opens: whether it opens a part of the page.
        there: the record of the move there, ``error`` besides.
        back: of the move back; None where nothing takes it back.
        changed: ids of the models that the server changed, and what of them.
    """

    name: str
    id: str
    opens: bool
    there: Row = field(default_factory=dict)
    back: Row | None = None
    changed: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """The outcome. ``content`` has the documented keys; the text is for people.

    Attributes:
        content: what ``--json`` prints.
    """

    content: Row

    def text(self) -> str:
        """Return it for people."""
        return "\n".join(lines(self.content))

    def html(self) -> str:
        """Return it as one page that needs nothing else, with the dependencies as a picture."""
        return html(self.content)

    def json(self) -> str:
        """Return the content as JSON."""
        return json.dumps(self.content, indent=2)


def report(
    plan: Plan, before: Row, after: Row, builds: Sequence[Row], moves: Iterable[Moved], skipped: Mapping[str, str]
) -> Report:
    """Put together what was found.

    Args:
        plan: what was inspected.
        before: the inventory before the first move.
        after: the inventory after the last.
        builds: the interactions of the build, the newest first.
        moves: what was moved.
        skipped: what was not, with the reason.
    """
    sources = Sources(plan.target)
    elements = [_named(each, sources) for each in before["elements"]]
    by_time: dict[float, list[Row]] = {}
    for each in after["elements"]:
        by_time.setdefault(each["interaction"], []).append(_named(each, sources))
    moves = list(moves)
    # A function's result is not by itself on the page where Panel has copied its values to what is there.
    listed = [each for each in elements if not each["copied"]]
    rows = [_move(each, elements, by_time, sources) for each in moves]
    for row, each in zip(rows, moves, strict=True):
        row["advice"] = advice(row, sources) + frozen(each.there.get("advice", ()), sources)
    content = {
        "app": plan.target.name,
        "host": plan.host,
        "import": _imports(before["imports"], sources),
        "build": _build(builds),
        "elements": [_public(each) for each in listed if each["used"]],
        "never_used": [_public(each) for each in listed if not each["used"]],
        "moves": rows,
        "not_moved": [{"widget": name, "why": why} for name, why in skipped.items()],
    }
    return Report(content)


def _named(row: Row, sources: Sources) -> Row:
    name = row["variable"] or sources.variable(row["path"], row["line"], row["class"])
    if row["output"]:
        name = f"{row['function']}()"
    return {**row, "name": name, "file": sources.shown(row["path"])}


_PUBLIC = ("class", "name", "label", "library", "file", "line", "function", "shown", "models", "bytes", "seconds")


def _public(row: Row) -> Row:
    return {**{key: row[key] for key in _PUBLIC}, "once": "import" if row["at_import"] else "session"}


def _imports(found: Iterable[Row], sources: Sources) -> Row:
    modules = [
        {"module": each["module"], "seconds": each["seconds"], "file": sources.shown(each["path"]),
         "line": each["line"]}
        for each in found if each["users"]
    ]  # fmt: skip
    late = sum(float(each["seconds"]) for each in found if not each["users"])
    return {"seconds": sum(float(each["seconds"]) for each in modules), "modules": modules, "libraries_seconds": late}


def _build(builds: Sequence[Row]) -> Row:
    functions: dict[str, Row] = {}
    for each in (function for build in reversed(builds) for function in _functions(build)):
        known = functions.setdefault(each["name"], {**each, "seconds": 0.0, "calls": 0, "errors": 0})
        for key in ("seconds", "calls", "errors"):
            known[key] += each[key]
    return {
        "seconds": sum(each["seconds"] for each in builds),
        "models": sum(sum(each["models"]["created"].values()) for each in builds),
        "functions": list(functions.values()),
    }


def _functions(record: Row) -> list[Row]:
    keys = ("name", "seconds", "calls", "errors")
    return [{key: each[key] for key in keys} for each in record.get("functions", ())]


def _numbers(record: Row) -> Row:
    """Return what one way of a move did, in numbers."""
    return {
        "models": {what: sum(record.get("models", {}).get(what, {}).values()) for what in _MODELS},
        "bytes": record.get("bytes_sent", 0),
        "patches": record.get("patches", 0),
        "seconds": record.get("seconds", 0.0),
        "finished": record.get("finished", False),
        "error": record.get("error"),
    }


def _move(moved: Moved, elements: Sequence[Row], by_time: Mapping[float, list[Row]], sources: Sources) -> Row:
    record, cause = moved.there, moved.there.get("cause") or {}
    later = [row for rows in by_time.values() for row in rows]
    # What is in a tab has no models before that is shown.
    widget = next((each for each in [*elements, *later] if moved.id in each["ids"][:1]), None)
    time = record.get("time", -1.0)
    made = by_time.get(time, [])
    rebuilt = [each for each in made if each["rendered"] and not each["output"]]
    # Components that stay, whose models are made again: a part of dynamic tabs, what was taken out and put back.
    # No function has made them now.
    again = [{**each, "caller": None} for each in later if time in each["rendered"]]
    rebuilt += [each for each in again if each["interaction"] != time and not each["output"]]
    rebuilds = _counted(rebuilt) + _of_outputs(record, rebuilt, elements)
    gone = {each["name"] for each in rebuilds if each["name"]}
    cls, _, label = moved.name.partition(" ")
    file, line, given = cause.get("file"), cause.get("line"), cause.get("label")
    # The ledger calls what has no label by its variable.
    given = None if given and NUMBERED.fullmatch(given) else given
    return {
        "widget": cause.get("widget") or cls,
        "label": given or label.strip("'\"") or None,
        "name": widget["name"] if widget is not None else None,
        "file": widget["file"] if widget is not None else file,
        "line": widget["line"] if widget is not None else line,
        "functions": _functions(record),
        "rebuilds": rebuilds,
        "updates": [
            each for each in _updates(moved, widget, elements, later) if each["name"] not in gone or not rebuilds
        ],
        "discards": _counted([each for each in made if not each["rendered"] and not each["updated"]]),
        **_numbers(record),
        "back": _numbers(moved.back) if moved.back is not None else None,
        "parts": record.get("parts"),
        "recomputes": record.get("recomputes", []),
    }


_SITE = ("library", "class", "name", "file", "line", "function")


def _site(row: Row) -> Row:
    return {key: row[key] for key in _SITE}


def _counted(rows: Iterable[Row]) -> list[Row]:
    """Return rows with their callers, those of one line once with their number."""
    count: Counter[tuple[Any, ...]] = Counter((*(each[key] for key in _SITE), each["caller"]) for each in rows)
    return [{**dict(zip((*_SITE, "caller"), key, strict=True)), "count": number} for key, number in count.items()]


def _of_outputs(record: Row, rebuilt: Sequence[Row], elements: Sequence[Row]) -> list[Row]:
    """Return what Panel put in the place of an output and no line of the user's has made."""
    known = Counter(each["class"] for each in rebuilt)
    ran = {each["name"].rpartition(":")[2] for each in record.get("functions", ())}
    found = []
    for cls, number in ((record.get("panel") or {}).get("rebuilt") or {}).items():
        if number > known[cls]:
            by = [each for each in elements if each["output"] and each["function"] in ran]
            by = [each for each in by if each["class"] == cls] or by
            row = _site(by[0]) if len(by) == 1 else dict.fromkeys(_SITE)
            found.append({**row, "class": cls, "caller": row["function"], "count": number - known[cls]})
    return found


def _updates(moved: Moved, widget: Row | None, elements: Sequence[Row], later: Sequence[Row]) -> list[Row]:
    """Return the elements whose models the server changed: of those that a model is part of, the smallest."""
    found: dict[int, Row] = {}
    for model, attribute in moved.changed:
        holding = [each for each in elements if model in each["ids"]] or [
            each for each in later if model in each["ids"]
        ]
        holding = [each for each in holding if moved.id not in each["ids"][:1]]
        if holding and attribute not in _PLACING:
            smallest = min(holding, key=lambda each: int(each["models"]))
            found[id(smallest)] = {**_site(smallest), "function": smallest["result_of"] or smallest["function"]}
    return list(found.values())
