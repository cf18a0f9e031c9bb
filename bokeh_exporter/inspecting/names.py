"""What elements are called in the source: the variable that a line assigns to, and files as their app names them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


class Sources:
    """The files that an app is made of, read once each.

    Args:
        target: the app, a file or a directory.
    """

    def __init__(self, target: Path) -> None:
        self._root = (target if target.is_dir() else target.parent).resolve()
        self._trees: dict[str, ast.Module | None] = {}

    def shown(self, path: str | None) -> str | None:
        """Return a path as the app names the file: relative to the app's directory, or its bare name."""
        if path is None:
            return None
        try:
            return Path(path).resolve().relative_to(self._root).as_posix()
        except (ValueError, OSError):
            return Path(path).name

    def tree(self, path: str) -> ast.Module | None:
        """Return a file's syntax tree, None if it is not available."""
        if path not in self._trees:
            try:
                self._trees[path] = ast.parse(Path(path).read_text(encoding="utf-8"))
            except (OSError, ValueError, SyntaxError):
                self._trees[path] = None
        return self._trees[path]

    def variable(self, path: str | None, line: int | None, cls: str) -> str | None:
        """Return what a line assigns a new object of a class to: ``slider``, ``self.slider``; None if to nothing."""
        tree = self.tree(path) if path is not None and line is not None else None
        found = [
            target for target, value in _assignments(tree) if tree is not None and line is not None
            and value.lineno <= line <= (value.end_lineno or value.lineno) and called(value) == cls
        ]  # fmt: skip
        return ast.unparse(found[-1]) if found else None

    def function(self, name: str) -> tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef] | None:
        """Return the one function of a name in the files that were read, with its file; None if there are more."""
        found = [
            (Path(path), node) for path, tree in self._trees.items() if tree is not None for node in ast.walk(tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name
        ]  # fmt: skip
        return found[0] if len(found) == 1 else None


def _assignments(tree: ast.Module | None) -> Iterator[tuple[ast.expr, ast.expr]]:
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
            target, value = node.target, node.value
        else:
            continue
        if isinstance(target, (ast.Name, ast.Attribute)):
            yield target, value


def called(value: ast.expr) -> str | None:
    """Return the bare name of what an expression calls: ``IntSlider`` of ``pn.widgets.IntSlider(...)``.

    The same of ``pn.widgets.IntSlider.from_param(...)``.
    """
    if not isinstance(value, ast.Call):
        return None
    function = value.func
    if isinstance(function, ast.Attribute) and function.attr == "from_param":
        function = function.value
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else None
