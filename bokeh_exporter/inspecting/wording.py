"""What an inspection found, in words: for the terminal, and what the page and Markdown share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Row = dict[str, Any]
_SHOWN_ROWS = 60


def lines(content: Row) -> Iterator[str]:
    """Yield the report for a terminal."""
    build, imports = content["build"], content["import"]
    elements, unused, moves = content["elements"], content["never_used"], content["moves"]
    yield (
        f"{content['app']}: built once as a session in {seconds(build['seconds'])}, {build['models']} models, "
        f"{len(elements) + len(unused)} elements of which {len(unused)} are never used"
    )
    once = [each for each in elements + unused if each["once"] == "import"]
    yield f"at import, once in a process: {seconds(imports['seconds'])}"
    if imports["libraries_seconds"] >= 0.001:
        yield f"  {seconds(imports['libraries_seconds']):>8}  what libraries import when they are first used"
    for each in sorted(imports["modules"], key=lambda one: -one["seconds"])[:_SHOWN_ROWS]:
        yield f"  {seconds(each['seconds']):>8}  import {each['module']} ({place(each)})"
    yield from _table(once)
    yield "once for each session:"
    for each in build["functions"]:
        yield f"  {seconds(each['seconds']):>8}  {function(each)}"
    yield from _table([each for each in elements if each["once"] == "session"])
    if unused:
        yield "never used:"
        yield from _table(unused)
    if moves:
        yield "what a move does:"
    for each in moves:
        yield from _told(each)
    for each in content["not_moved"]:
        yield f"  {each['widget']}: not moved, {each['why']}"


def _table(rows: Sequence[Row]) -> Iterator[str]:
    for each in rows[:_SHOWN_ROWS]:
        made = f"{seconds(each['seconds'])}" if each["seconds"] is not None else ""
        by = f" by {each['function']}()" if each["function"] and not (each["name"] or "").endswith("()") else ""
        numbers = f"{each['models']} models" + (f", {size(each['bytes'])}" if each["bytes"] else "")
        shown = "" if each["shown"] else ", not shown"
        yield f"  {made:>8}  {title(each)} ({place(each)}){by}: {numbers}{shown}"
    if len(rows) > _SHOWN_ROWS:
        yield f"            and {len(rows) - _SHOWN_ROWS} more"


def _told(move: Row) -> Iterator[str]:
    label = f" {move['label']!r}" if move["label"] else ""
    name = f"{move['name']}, " if move["name"] else ""
    where = f" ({name}{place(move)})" if move["file"] else ""
    yield f"  {move['widget']}{label}{where}: {cost(move)}"
    if move["error"]:
        yield f"    failed: {move['error'].splitlines()[0]}"
    if move["functions"]:
        yield "    ran " + ", ".join(f"{function(each)} {seconds(each['seconds'])}" for each in move["functions"])
    for what, key in (("rebuilt", "rebuilds"), ("updated in place", "updates"), ("made and dropped", "discards")):
        if move[key]:
            yield f"    {what}: " + ", ".join(built(each) for each in move[key])
    if move["back"] is not None and _come_and_gone(move["back"]) != _come_and_gone(move):
        yield f"    back: {cost(move['back'])}"
    for each in move["advice"]:
        yield f"    advice: {each['text']}"
        yield from (f"      {line}" for line in (each["diff"] or "").splitlines())


def _come_and_gone(numbers: Row) -> tuple[int, int]:
    return numbers["models"]["created"], numbers["models"]["removed"]


def built(each: Row) -> str:
    """Return what was built, how often and where."""
    count = f"{each['count']} x " if each.get("count", 1) > 1 else ""
    return f"{count}{title(each)}" + (f" ({place(each)})" if each["file"] else "")


def cost(numbers: Row) -> str:
    """Return what one way of a move cost, in a line."""
    models = numbers["models"]
    return (
        f"{models['created']} models created, {models['removed']} removed, {size(numbers['bytes'])}, "
        f"{seconds(numbers['seconds'])}"
    )


def title(row: Row) -> str:
    """Return how an element is called: its variable and class, or the function whose result it is."""
    label = row.get("label")
    if row["name"]:
        return f"{row['name']} {row['class']}"
    return f"{row['class']} {label!r}" if label else str(row["class"])


def function(row: Row) -> str:
    """Return how a function is called, with its calls."""
    calls = f" x{row['calls']}" if row["calls"] > 1 else ""
    return f"{row['name'].rpartition(':')[2]}(){calls}" + (" failed" if row["errors"] else "")


def place(row: Row) -> str:
    """Return file and line."""
    return f"{row['file']}:{row['line']}" if row["file"] else "?"


def seconds(number: float) -> str:
    """Return a time."""
    return f"{number * 1000:.0f} ms" if number < 10 else f"{number:.0f} s"


def size(number: float) -> str:
    """Return a number of bytes."""
    for unit, of in (("MB", 1e6), ("kB", 1e3)):
        if number >= of:
            return f"{number / of:.0f} {unit}" if number >= 100 * of else f"{number / of:.3g} {unit}"
    return f"{number:.0f} B"
