"""The dependencies as a picture: widgets, the functions that a move runs, and the elements that these build or change.

SVG with its colours in the page's style sheet; each node says in words what its colour says. Rejected: graphviz, which
is a program to install; three columns need no more than an order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

Row = dict[str, Any]
_WIDTH, _HEIGHT, _GAP, _ROW, _MARGIN = 290, 40, 110, 54, 12
#: What a move does to an element, the strongest last.
_KINDS = ("never used", "updated in place", "rebuilt")
_CUT = 40


@dataclass
class _Node:
    title: str
    text: str
    kind: str = ""
    y: float = 0.0


@dataclass
class _Graph:
    columns: tuple[dict[Any, _Node], dict[Any, _Node], dict[Any, _Node]] = field(default_factory=lambda: ({}, {}, {}))
    edges: dict[tuple[int, Any, int, Any], str] = field(default_factory=dict)

    def node(self, column: int, key: Any, title: str, text: str, kind: str = "") -> None:
        """Add a node, or make it the stronger of two kinds."""
        known = self.columns[column].setdefault(key, _Node(title, text, kind))
        if kind and (not known.kind or _KINDS.index(kind) > _KINDS.index(known.kind)):
            known.kind = kind

    def edge(self, start: int, a: object, end: int, b: object, kind: str = "") -> None:
        """Join two nodes."""
        key = start, a, end, b
        if kind or key not in self.edges:
            self.edges[key] = kind


def picture(content: Row) -> str:
    """Return the dependencies that an inspection found as an SVG element; empty text where nothing was moved."""
    graph = _graph(content)
    if not any(graph.columns):
        return ""
    _arrange(graph)
    height = max(len(column) for column in graph.columns) * _ROW + 2 * _MARGIN + 20
    width = 3 * _WIDTH + 2 * _GAP + 2 * _MARGIN
    words = (
        f"{len(graph.columns[0])} widgets, {len(graph.columns[1])} functions and {len(graph.columns[2])} elements "
        "with lines from each widget to what its move runs and changes; the table below says the same"
    )
    parts = [
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-labelledby="picture-title picture-text"><title id="picture-title">What each move leads to</title>'
        f'<desc id="picture-text">{words}</desc>'
    ]
    for column, name in enumerate(("widget", "function", "element")):
        parts.append(f'<text class="head" x="{_x(column)}" y="{_MARGIN + 6}">{name}</text>')
    parts += [_edge(graph, *key, kind) for key, kind in graph.edges.items()]
    for column, nodes in enumerate(graph.columns):
        parts += [_box(column, node) for node in nodes.values()]
    return "\n".join([*parts, "</svg>"])


def _graph(content: Row) -> _Graph:
    graph = _Graph()
    for index, move in enumerate(content["moves"]):
        name = move["name"] or move["label"] or move["widget"]
        graph.node(0, index, str(name), f"{move['widget']}, {_place(move)}")
        _add_move(graph, index, move)
    for each in content["never_used"]:
        graph.node(2, _key(each), _title(each), _place(each), "never used")
    return graph


def _add_move(graph: _Graph, index: int, move: Row) -> None:
    functions = [each["name"] for each in move["functions"]]
    for name in functions:
        file, _, bare = name.rpartition(":")
        graph.node(1, name, f"{bare}()", file)
        graph.edge(0, index, 1, name)
    for kind, rows in (("updated in place", move["updates"]), ("rebuilt", move["rebuilds"])):
        for each in rows:
            graph.node(2, _key(each), _title(each), _place(each), kind)
            by = _by(functions, each)
            start, of = (0, index) if by is None else (1, by)
            graph.edge(start, of, 2, _key(each), kind)


def _by(functions: Sequence[str], element: Row) -> str | None:
    """Return the function of a move that an element is of; None if that cannot be known."""
    for name in (element.get("caller"), element["function"]):
        for each in functions:
            if name and each.rpartition(":")[2].split(".")[-1] == str(name).split(".")[-1]:
                return each
    return functions[0] if len(functions) == 1 else None


def _key(row: Row) -> tuple[Any, ...]:
    return row["class"], row["name"], row["file"], row["line"]


def _title(row: Row) -> str:
    return f"{row['name']} {row['class']}" if row["name"] else str(row["class"])


def _place(row: Row) -> str:
    return f"{row['file']}:{row['line']}" if row["file"] else ""


def _arrange(graph: _Graph) -> None:
    """Put what is joined near each other: each column in the order of where its lines come from."""
    for column, nodes in enumerate(graph.columns):
        order = {
            key: _mean([
                graph.columns[start][a].y for start, a, end, b in graph.edges if end == column and b == key
            ], float(index * _ROW if column == 0 else 1e6))
            for index, key in enumerate(nodes)
        }  # fmt: skip
        for index, key in enumerate(sorted(nodes, key=order.__getitem__)):
            nodes[key].y = _MARGIN + 20 + index * _ROW


def _mean(numbers: Iterable[float], default: float) -> float:
    found = list(numbers)
    return sum(found) / len(found) if found else default


def _x(column: int) -> int:
    return _MARGIN + column * (_WIDTH + _GAP)


def _edge(graph: _Graph, start: int, a: Any, end: int, b: Any, kind: str) -> str:
    x1, y1 = _x(start) + _WIDTH, graph.columns[start][a].y + _HEIGHT / 2
    x2, y2 = _x(end), graph.columns[end][b].y + _HEIGHT / 2
    bend = _GAP * 0.6
    path = f"M{x1:.0f} {y1:.0f} C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
    return f'<path class="edge {_class(kind)}" d="{path}"/>'


def _box(column: int, node: _Node) -> str:
    x, text = _x(column), ", ".join(filter(None, [node.kind, node.text]))
    return (
        f'<g class="node {_class(node.kind)}"><title>{escape(node.title)}: {escape(text)}</title>'
        f'<rect x="{x}" y="{node.y:.0f}" width="{_WIDTH}" height="{_HEIGHT}" rx="5"/>'
        f'<text x="{x + 9}" y="{node.y + 17:.0f}">{escape(_cut(node.title))}</text>'
        f'<text class="small" x="{x + 9}" y="{node.y + 32:.0f}">{escape(_cut(text, 6))}</text></g>'
    )


def _class(kind: str) -> str:
    return kind.replace(" ", "-") or "plain"


def _cut(text: str, more: int = 0) -> str:
    return text if len(text) <= _CUT + more else f"{text[: _CUT + more - 3]}..."
