"""What users call things: the variable on the line that makes something, and where a function is written.

Lines are read only when somebody asks, in a reader's thread; Python's ``linecache`` keeps them, as for tracebacks.
"""

from __future__ import annotations

import linecache
import re
from typing import Any, NamedTuple

from ..wording import LABEL

#: ``name = Something(``, ``self.name: Some = a.b.Something(``; groups are the variable and the called name.
_ASSIGNED = re.compile(r"\s*(?:\w+\.)*([^\W\d]\w*)\s*(?::[^=]+)?=\s*(?:await\s+)?(?:[\w.]+\.)?([^\W\d]\w*)\s*\(")
_PLACES = 2000
#: Functions that make what is called otherwise.
_MAKERS = ("panel", "figure", "DynamicMap", "from_param")


class SourceLine(NamedTuple):
    """A line of the user's; the bare name of the file is for everybody, the path for us to read it."""

    path: str
    line: int

    @property
    def file(self) -> str:
        """The name of the file without its folder."""
        return bare_file(self.path)


#: Where functions are written, by label: filled where labels are made.
_functions: dict[str, SourceLine] = {}


def bare_file(path: str) -> str:
    """Return the name of a file without its folder."""
    return path.replace("\\", "/").rpartition("/")[2]


def remember(label: str, path: str, line: int) -> None:
    """Keep where the function of a label is written."""
    if len(_functions) >= _PLACES:
        _functions.clear()
    _functions[label] = SourceLine(path, line)


def place_of(label: str | None) -> SourceLine | None:
    """Return where the function of a label is written, if that is known."""
    return _functions.get(label) if label is not None else None


def variable_at(path: str | None, line: int | None, cls: str) -> str | None:
    """Return the variable that a line gives something of a class to; None where it does not say."""
    if path is None or line is None:
        return None
    found = _ASSIGNED.match(linecache.getline(path, line))
    if found is None or not (found[2] == cls or found[2] in _MAKERS) or len(found[1]) > LABEL:
        return None
    return found[1]


def labelled(cause: dict[str, Any] | None, path: str | None) -> dict[str, Any]:
    """Return a cause; a widget without a label is called by the variable that it has in a file."""
    if cause is None:
        return dict.fromkeys(("widget", "label", "property", "old", "new", "file", "line"))
    if cause["label"] is not None or path is None:
        return cause
    return {**cause, "label": variable_at(path, cause["line"], cause["widget"] or "")}


def is_made_up(name: str, cls: str = "") -> bool:
    """Whether a name is one that Param has made up: a class, perhaps this one, and a number."""
    return bool(re.fullmatch((re.escape(cls) or r"[A-Z][A-Za-z]+") + r"\d{5,}", name))
