"""What the source of a module says: which names and constants are literals of the code, and where a name is assigned.

Read from the file with ``ast``, nothing is imported or run. Bounded: large files are left out, some files are
remembered. It decides which keys ``explain`` may show: a key that is no literal of the code came from a user.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

_namespace: Any = type.__getattribute__(ModuleType, "__dict__")["__dict__"].__get__

#: Bytes of a file beyond which it is not read: parsing takes about 1 s for a million.
_LARGEST = 500_000


@dataclass(frozen=True)
class Source:
    """The literals of a file, and the line of each name that is assigned at the top level."""

    literals: frozenset[str] = frozenset()
    lines: dict[str, int] = field(default_factory=dict)
    #: Containers that begin empty, by name, and caches without a limit, by line: the line, what it says, a better one.
    replaceable: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    decorators: dict[int, tuple[int, str, str]] = field(default_factory=dict)


def file_of(module: str) -> str | None:
    """Return the file of a loaded module."""
    found = sys.modules.get(module)
    file = _namespace(found).get("__file__") if issubclass(type(found), ModuleType) else None
    return file if type(file) is str else None


@functools.lru_cache(maxsize=64)  # a search meets a few files, again and again
def read(file: str | None) -> Source:
    """Read a file; one that cannot be read says nothing."""
    if file is None or not file.endswith(".py"):
        return Source()
    try:
        if Path(file).stat().st_size > _LARGEST:
            return Source()
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return Source()
    lines: dict[str, int] = {}
    for statement in tree.body:
        for name in _assigned(statement):
            lines.setdefault(name, statement.lineno)
    replaceable = {
        name: (at, f"{name} = {old}", f"{name} = {new}")
        for statement in tree.body if isinstance(statement, ast.Assign) and len(statement.targets) == 1
        for at, name, (old, new) in _empty(statement)
    }  # fmt: skip
    return Source(frozenset(_literals(tree)), lines, replaceable, dict(_caches(tree)))


def has_literal(file: str, text: str) -> bool:
    """Whether a text is a constant or a name in a file."""
    return text in read(file).literals


_WEAK = {"{}": "weakref.WeakValueDictionary()", "dict()": "weakref.WeakValueDictionary()", "set()": "weakref.WeakSet()"}
_UNBOUNDED = {"functools.cache", "cache", "functools.lru_cache(maxsize=None)", "lru_cache(maxsize=None)",
              "functools.lru_cache(None)", "lru_cache(None)"}  # fmt: skip


def _empty(statement: ast.Assign) -> Iterator[tuple[int, str, tuple[str, str]]]:
    old, target = ast.unparse(statement.value), statement.targets[0]
    if old in _WEAK and isinstance(target, ast.Name):
        yield statement.lineno, target.id, (old, _WEAK[old])


def _caches(tree: ast.AST) -> Iterator[tuple[int, tuple[int, str, str]]]:
    for node in ast.walk(tree):
        for each in node.decorator_list if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else ():
            old = ast.unparse(each)
            if old in _UNBOUNDED:
                indent = " " * (each.col_offset - 1)
                new = "functools.lru_cache(maxsize=128)" if old.startswith("functools") else "lru_cache(maxsize=128)"
                yield each.lineno, (each.lineno, f"{indent}@{old}", f"{indent}@{new}")


def _assigned(statement: ast.stmt) -> list[str]:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    return [each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]


def _literals(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        for value in (
            getattr(node, "value", None) if isinstance(node, ast.Constant) else None,
            getattr(node, "id", None), getattr(node, "attr", None), getattr(node, "arg", None),
        ):  # fmt: skip
            if type(value) is str:
                found.add(value)
    return found
