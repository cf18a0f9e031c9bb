"""Where an element is made: file and line, the function around them, whether a module is being imported."""

from __future__ import annotations

import sys
from types import CodeType, FrameType
from typing import Any, NamedTuple

from .source_lines import is_users_file, module_of

_DEPTH = 200
#: Functions that Python makes of expressions: what is made in them is made by the one around them.
_EXPRESSIONS = ("<genexpr>", "<listcomp>", "<dictcomp>", "<setcomp>")


class MadeAt(NamedTuple):
    """Where something was made."""

    path: str | None
    line: int | None
    #: The function that the line is in, and the one that a framework called; None for a script's own lines.
    function: str | None
    caller: str | None
    at_import: bool


def place_of(made: Any, line: int | None) -> MadeAt:
    """Return where something is being made: the innermost line of the user's, as :func:`source_line` finds it."""
    frame: FrameType | None = sys._getframe(1)
    found: FrameType | None = None
    function = caller = None
    at_import = False
    for _ in range(_DEPTH):
        if frame is None:
            break
        code = frame.f_code
        users = is_users_file(code.co_filename, module_of(frame.f_globals))
        own = code.co_name == "__init__" and frame.f_locals.get("self") is made
        if found is None and users and not own and frame.f_lineno == line:
            found = frame
        if found is not None and users:
            name = _bare(code)
            function, caller = function or name, name or caller
        elif found is not None and (caller is not None or at_import):
            break  # a framework has called it
        if found is not None and code.co_filename == "<frozen importlib._bootstrap>":
            at_import = True
        frame = frame.f_back
    return MadeAt(found.f_code.co_filename if found is not None else None, line, function, caller, at_import)


def _bare(code: CodeType) -> str | None:
    name = getattr(code, "co_qualname", code.co_name).replace("<locals>.", "")
    parts = [part for part in name.split(".") if part not in _EXPRESSIONS]
    return None if code.co_name in ("<module>", *_EXPRESSIONS) else ".".join(parts)
