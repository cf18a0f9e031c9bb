"""Changes of a source file by the places of its syntax tree, and the diff that they make."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Sequence

#: Lines around a change.
_CONTEXT = 1
_INDENT = "    "


class Edits:
    """The changes of one file.

    Args:
        text: of the file.
        name: of the file, as the diff names it.
    """

    def __init__(self, text: str, name: str) -> None:
        self._text, self._name = text, name
        self._lines = text.splitlines(keepends=True)
        self._made: list[tuple[int, int, str]] = []

    def source(self, node: ast.expr) -> str:
        """Return the text of an expression."""
        return self._text[self._offset(node.lineno, node.col_offset) : self._end(node)]

    def replace(self, node: ast.expr | ast.stmt, text: str) -> None:
        """Put a text in the place of a node."""
        self._made.append((self._offset(node.lineno, node.col_offset), self._end(node), text))

    def without_annotation(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Take away what a function says that it returns, which it does not any more."""
        if function.returns is not None:
            start = self._offset(function.returns.lineno, function.returns.col_offset)
            arrow = self._text.rindex("->", 0, start)
            self._made.append((len(self._text[:arrow].rstrip()), self._end(function.returns), ""))

    def without(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Take away a function, and the empty lines after it."""
        first = min([function.lineno, *(each.lineno for each in function.decorator_list)])
        last = function.end_lineno or function.lineno
        while last < len(self._lines) and not self._lines[last].strip():
            last += 1
        self._made.append((self._offset(first, 0), self._offset(last + 1, 0), ""))

    def before(self, line: int, text: str) -> None:
        """Insert a line before one."""
        start = self._offset(line, 0)
        self._made.append((start, start, f"{text}\n"))

    def inside(self, body: Sequence[ast.stmt], header: str) -> None:
        """Put statements that follow each other, each on lines of its own, into a block."""
        for line in range(body[0].lineno, (body[-1].end_lineno or body[-1].lineno) + 1):
            start = self._offset(line, 0)
            if line == body[0].lineno:
                self._made.append((start, start, f"{' ' * body[0].col_offset}{header}\n{_INDENT}"))
            elif self._lines[line - 1].strip():
                self._made.append((start, start, _INDENT))

    def diff(self) -> str:
        """Return the unified diff of all changes."""
        text = self._text
        for start, end, new in sorted(self._made, reverse=True):
            text = text[:start] + new + text[end:]
        return "".join(
            difflib.unified_diff(
                self._lines, text.splitlines(keepends=True), f"a/{self._name}", f"b/{self._name}", n=_CONTEXT
            )
        )

    def _offset(self, line: int, column: int) -> int:
        """Return where a place is in the text; a tree counts a column in bytes of UTF-8."""
        before = sum(len(each) for each in self._lines[: line - 1])
        if line > len(self._lines):
            return before
        return before + len(self._lines[line - 1].encode()[:column].decode(errors="ignore"))

    def _end(self, node: ast.expr | ast.stmt) -> int:
        return self._offset(node.end_lineno or node.lineno, node.end_col_offset or 0)
