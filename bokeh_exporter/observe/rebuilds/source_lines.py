"""Where the user made something: the file and line, found by walking frames, not by formatting a stack.

A walk looks at some twenty frames of 0.1 us each. Files are judged once: the frameworks' and the standard
library's are not the user's, another package's only where nobody else's is on the stack.
"""

from __future__ import annotations

import sys
from types import CodeType, FrameType, ModuleType
from typing import Any, NamedTuple

from ...state.python_paths import STANDARD, folders
from ...state.safe_looks import attributes, namespace, type_module
from ..callbacks.names import is_framework
from ..hosts.bokeh_models import id_in
from ..hosts.panel_components import is_from_param
from ..hosts.param import CONSTRUCTING

_OURS, _LIBRARY, _PACKAGE, _USER, _LOOP = range(5)
_DEPTH = 80
_FILES = 5000
_HERE = __file__.replace("\\", "/").rpartition("/observe/")[0] + "/"
_DEMO = f"{_HERE}demo/apps/"
_SCRIPTS = folders("scripts")
#: What runs event loops; above it on the stack is what the loop does, below what started the server.
_LOOPS = ("/asyncio/base_events.py", "/asyncio/runners.py", "/tornado/platform/asyncio.py")

_kinds: dict[str, int] = {}


class SourceLine(NamedTuple):
    """A line of the user's."""

    file: str | None
    line: int | None
    #: Whether it calls the constructor itself, rather than something that makes what it needs.
    direct: bool
    #: The whole path of the file, which nobody is shown.
    path: str | None = None
    #: The id of the model whose method it calls, where it makes one indirectly.
    owner: str | None = None


NOWHERE = SourceLine(None, None, False)


def source_line(made: Any) -> SourceLine:
    """Return the line that is making something, for its constructor's hook; file names are bare."""
    frame = sys._getframe(1)
    direct = True
    package: SourceLine | None = None
    below: FrameType | None = None
    for _ in range(_DEPTH):
        code = frame.f_code
        kind = _kinds.get(code.co_filename)
        if kind is None:
            kind = _judge(code, module_of(frame.f_globals))
        if kind == _USER:
            if code.co_name != "__init__" or frame.f_locals.get("self") is not made:
                owner = None if direct or below is None else _owner(below)
                return SourceLine(_bare(code.co_filename), frame.f_lineno, direct, code.co_filename, owner)
        elif kind == _LOOP:
            break  # what runs the loop has not asked for what the loop does
        elif kind != _OURS:
            if kind == _PACKAGE and package is None:
                package = SourceLine(_bare(code.co_filename), frame.f_lineno, False, code.co_filename)
            below = frame
            direct = direct and _constructs(frame, made)
        if frame.f_back is None:
            break
        frame = frame.f_back
    return package or NOWHERE


def _owner(frame: FrameType) -> str | None:
    """Return the id of the model whose method a frame is."""
    names = frame.f_code.co_varnames
    if not names or names[0] != "self":
        return None
    return id_in(attributes(frame.f_locals.get("self")) or {})


def is_users(code: CodeType, module: object) -> bool:
    """Whether a function is the user's: of no framework, no package and not of the standard library."""
    kind = _kinds.get(code.co_filename)
    return (_judge(code, module) if kind is None else kind) == _USER


def is_users_class(cls: type) -> bool:
    """Whether a class is the user's, by the file of its module."""
    name = type_module(cls)
    return name is None or is_users_module(name)


def is_users_module(name: str) -> bool:
    """Whether a module that is imported is the user's: of no framework, no package, and not of the standard library."""
    if is_framework(name):
        return False
    module = sys.modules.get(name)
    file = namespace(module).get("__file__") if type(module) is ModuleType else None
    if type(file) is not str:
        return False
    file = file.replace("\\", "/")
    return not ("/site-packages/" in file or "/dist-packages/" in file or file.startswith((*STANDARD, _HERE)))


def is_users_file(file: str, module: object) -> bool:
    """Whether a file is the user's own: no framework's, no other package's, not the standard library's or ours."""
    kind = _kinds.get(file)
    return (_judged(file, module) if kind is None else kind) == _USER


def _constructs(frame: FrameType, made: Any) -> bool:
    """Whether a frame is on the way from a call of a class to its constructor, not another thing's constructor."""
    code = frame.f_code
    if code.co_name != "__init__":
        return code.co_name in CONSTRUCTING or is_from_param(frame, made)
    return frame.f_locals.get(code.co_varnames[0]) is made or is_from_param(frame, made)


def module_of(names: dict[str, Any]) -> Any:
    """Return the name of a frame's module; of ``python -m bokeh`` the one it was found by, not ``__main__``."""
    name = names.get("__name__")
    return getattr(names.get("__spec__"), "name", name) if name == "__main__" else name


def _judge(code: CodeType, module: Any) -> int:
    return _judged(code.co_filename, module)


def _judged(path: str, module: object) -> int:
    file = path.replace("\\", "/")
    if file.startswith(_HERE):
        kind = _USER if file.startswith(_DEMO) else _OURS
    elif file.endswith(_LOOPS):
        kind = _LOOP
    elif (
        file.startswith("<")
        or _is_console_script(file, module)
        or is_framework(module if isinstance(module, str) else None)
    ):
        kind = _LIBRARY
    elif "/site-packages/" in file or "/dist-packages/" in file:
        kind = _PACKAGE
    elif file.startswith(STANDARD):
        kind = _LIBRARY
    else:
        kind = _USER
    if len(_kinds) >= _FILES:
        _kinds.clear()  # autoreload and generated code
    _kinds[path] = kind
    return kind


def _is_console_script(file: str, module: Any) -> bool:
    """Whether a file is what an installer has made of an entry point, as ``bin/panel``."""
    return file.rpartition("/")[0] + "/" in _SCRIPTS or (module == "__main__" and "." not in _bare(file))


def _bare(file: str) -> str:
    return file.replace("\\", "/").rpartition("/")[2]
