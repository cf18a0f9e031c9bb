"""Advice for a function in which Bokeh recomputes the models of the document several times: one ``freeze`` around it.

The sentence is the ledger's. The diff puts all that a function does into the ``with``, where its file imports what
gives it the document.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from .edits import Edits
from .names import Sources

Row = dict[str, Any]


def frozen(found: Iterable[Row], sources: Sources) -> list[Row]:
    """Return the advice of an interaction's record as rows with ``function``, ``text`` and ``diff`` (or null)."""
    rows = []
    for each in found:
        name = each["function"].rpartition(":")[2].rpartition(".")[2]
        rows.append({"function": name, "text": each["text"], "diff": _diff(name, sources) if each["outline"] else None})
    return rows


def _diff(name: str, sources: Sources) -> str | None:
    place = sources.function(name)
    if place is None or isinstance(place[1], ast.AsyncFunctionDef):  # it would stay frozen while others run
        return None
    path, function = place
    document = _document(sources.tree(str(path)) or ast.Module([], []))
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if document is None or not body or body[0].lineno == function.lineno or _has_long_text(body):
        return None
    edits = Edits(path.read_text(encoding="utf-8"), sources.shown(str(path)) or path.name)
    edits.inside(body, f"with {document}.models.freeze():")
    return edits.diff()


def _document(tree: ast.Module) -> str | None:
    """Return how a file gets at the document of the session that runs; None if it imports nothing for it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                if each.name == "panel":
                    return f"{each.asname or each.name}.state.curdoc"
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bokeh."):
            for each in node.names:
                if each.name == "curdoc":
                    return f"{each.asname or each.name}()"
    return None


def _has_long_text(body: Iterable[ast.stmt]) -> bool:
    """Whether a text goes over several lines, which indenting would change."""
    return any(
        isinstance(each, (ast.Constant, ast.JoinedStr)) and (each.end_lineno or each.lineno) > each.lineno
        for statement in body for each in ast.walk(statement)
    )  # fmt: skip
