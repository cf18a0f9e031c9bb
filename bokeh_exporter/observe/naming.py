"""The name of a callback: the user's function, whatever it is wrapped in.

Bokeh, Panel and param wrap what users give them in partials, bound methods, closures and
decorators. The label is ``module:qualname`` of what is inside; code that Bokeh runs as a script has a
module name made up for each session, so there the file's name stands for it: ``app.py:view``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any, TypeVar

Wrapper = TypeVar("Wrapper", bound=Callable[..., Any])

#: What is not the user's: a callback from there has no label of its own.
_FRAMEWORKS = ("bokeh", "panel", "param", "holoviews", "hvplot", "tornado", "asyncio", "pyviz_comms", "functools")
#: How Bokeh's, Panel's and param's own closures call the function that they were given.
_CLOSED_OVER = ("handler", "callback", "func", "fn", "function", "eval_fn")
_DEPTH = 10
#: On wrappers of ours that time what they call: a framework's wrapper around one has no label of its own.
_TIMED = "_bokeh_exporter_timed"

#: By ``id``, with the code object so that it stays alive: the same code in two files compares equal, and
#: Python 3.12 takes microseconds to hash it.
_names: dict[int, tuple[CodeType, str | None]] = {}
_NAMES = 2000


def name_of(callback: Any) -> str | None:
    """Return the label of a callback, None if it is a framework's own. Cached by code object."""
    known = _names.get(id(_attribute(callback, "__code__")))
    if known is None:
        function = unwrap(callback)
        code = _attribute(function, "__code__")
        if not isinstance(code, CodeType):
            return _describe(function) if function is not None else None
        known = _names.get(id(code))
        if known is None:
            if len(_names) >= _NAMES:
                _names.clear()  # autoreload compiles anew; code objects of scripts are few otherwise
            known = _names[id(code)] = code, _describe(function)
    return known[1]


def _attribute(thing: Any, name: str) -> Any:
    """Return an attribute, None if there is none: ``__getattr__`` of the user's may raise anything."""
    try:
        return getattr(thing, name, None)
    except Exception:
        return None


def unwrap(callback: Any) -> Any:
    """Return what a partial, method, decorator or framework's closure calls in the end, None if we time it there."""
    for _ in range(_DEPTH):
        if _TIMED in (_attribute(callback, "__dict__") or ()):
            return None
        inner = _inner(callback)
        if inner is None:
            break
        callback = inner
    return callback


def timing(function: Callable[..., Any]) -> Callable[[Wrapper], Wrapper]:
    """``functools.wraps`` for a wrapper that times the function."""

    def decorate(wrapper: Wrapper) -> Wrapper:
        functools.update_wrapper(wrapper, function)
        wrapper.__dict__[_TIMED] = True
        return wrapper

    return decorate


def _inner(callback: Any) -> Any:
    if isinstance(callback, functools.partial):
        return callback.func
    for attribute in ("__func__", "__bound_function__", "__wrapped__"):
        inner = _attribute(callback, attribute)
        if callable(inner):
            return inner
    if isinstance(callback, FunctionType):
        if not is_framework(callback.__module__):
            return None
        for name, cell in zip(callback.__code__.co_freevars, callback.__closure__ or (), strict=False):
            if name in _CLOSED_OVER:
                try:
                    content = cell.cell_contents
                except ValueError:  # not filled yet
                    continue
                if callable(content):
                    return content
        return None
    call = vars(type(callback)).get("__call__")  # of an object that can be called
    return call if isinstance(call, FunctionType) else None


def is_framework(module: str | None) -> bool:
    """Whether a module belongs to the frameworks rather than to the user."""
    return module is not None and module.partition(".")[0] in _FRAMEWORKS


def is_skip(error: BaseException) -> bool:
    """Whether it is param's ``Skip``, by which a function says that nothing has changed."""
    return type(error).__name__ == "Skip" and type(error).__module__.startswith("param.")


def _describe(function: Any) -> str | None:
    module = _attribute(function, "__module__")
    if is_framework(module):
        return None
    name = str(_attribute(function, "__qualname__") or type(function).__qualname__).replace("<locals>.", "")
    code = _attribute(function, "__code__")
    if isinstance(code, CodeType) and (module is None or module.startswith(("bokeh_app_", "panel_setup"))):
        module = code.co_filename.replace("\\", "/").rpartition("/")[2]
    return f"{module or 'builtins'}:{name}"
