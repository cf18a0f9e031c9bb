"""What an interaction ran and built, in words: functions with the elements that each built."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

#: Names in one list of a line.
_NAMES = 8
_HOW = {
    "constructed": "", "rebuilt": "rebuilt ", "in_place": "updated ", "rendered": "rendered ", "updated": "updated ",
}  # fmt: skip


def ran(tree: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the functions of a tree, those that others called after them, each with what it built."""
    return [text for node in tree if node["name"] is not None for text in _node(node, None)]


def _node(node: Mapping[str, Any], caller: str | None) -> Iterator[str]:
    by = f" by {caller}()" if caller is not None else ""
    built = ", ".join(element(each) for each in node["elements"][:_NAMES])
    more = ", ..." if len(node["elements"]) > _NAMES else ""
    yield f"{function(node)}{by}{f' -> {built}{more}' if built else ''}"
    for each in node["functions"]:
        yield from _node(each, bare(node["name"]))


def function(node: Mapping[str, Any]) -> str:
    """Return a function with its calls, its time, and what was sent of what it did."""
    calls = f" x{node['calls']}" if node["calls"] > 1 else ""
    sent = sum((node["bytes"], *(each["bytes"] for each in node["elements"])))
    failed = " failed" if node["errors"] else ""
    return f"{bare(node['name'])}(){calls} {took(node['seconds'])}{f', {size(sent)}' if sent else ''}{failed}"


def element(one: Mapping[str, Any]) -> str:
    """Return an element: how it came, what it is, where it was made, in which pane, its models, what it sent."""
    count = f"{one['count']} " if one["count"] > 1 else ""
    name = f" {one['name']}" if one["name"] else ""
    place = f" ({one['file']}:{one['line']})" if one["file"] else ""
    inside = f" inside {one['inside']} pane" if one["inside"] else ""
    models = f", {one['models']} models" if one["models"] > 1 else ""
    sent = f", {size(one['bytes'])}" if one["bytes"] else ""
    return f"{_HOW.get(one['how'], '')}{count}{one['class']}{name}{place}{inside}{models}{sent}"


def libraries(record: Mapping[str, Any]) -> list[str]:
    """Return what Panel and HoloViews brought up to date by themselves, of which no function is known."""
    panel, holoviews = record["panel"] or {}, record["holoviews"] or {}
    shown = {one["class"] for one in elements(record["tree"])}
    shown |= {f"{one['inside']}" for one in elements(record["tree"]) if one["inside"]}
    found = []
    for counts, verb, end in (
        (panel.get("rebuilt"), "rebuilt", ""), (panel.get("in_place"), "updated", ""),
        (holoviews.get("created"), "constructed", ""),
        (holoviews.get("rendered"), "rendered", " plots"), (holoviews.get("updated"), "updated", " plots"),
    ):  # fmt: skip
        rest = {cls: count for cls, count in (counts or {}).items() if cls not in shown}
        if rest:
            found.append(f"{verb} {names(rest)}{end}")
    return found


def elements(tree: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield all elements of a tree."""
    for node in tree:
        yield from node["elements"]
        yield from elements(node["functions"])


def edges(tree: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what was sent from function to element, a line each; outside of any element without its name."""
    for node in tree:
        name = f"{bare(node['name'])}()" if node["name"] else "no function"
        if node["bytes"]:
            yield f"{name}: {size(node['bytes'])}"
        yield from (f"{name} -> {element(each)}" for each in node["elements"] if each["bytes"])
        yield from edges(node["functions"])


def bare(label: str) -> str:
    """Return the name of a function without its module."""
    return label.rpartition(":")[2]


def names(counts: Mapping[str, int]) -> str:
    """Return classes with how many of each."""
    found = [name if count == 1 else f"{count} {name}" for name, count in list(counts.items())[:_NAMES]]
    return ", ".join([*found, *(["..."] if len(counts) > _NAMES else [])])


def took(seconds: float) -> str:
    """Return a time."""
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.0f} s"


def size(count: int) -> str:
    """Return bytes."""
    return f"{count} B" if count < 1000 else f"{count / 1000:.0f} kB"
