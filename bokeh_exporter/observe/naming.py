"""The name of a callback: the user's function, whatever it is wrapped in.

Bokeh, Panel and param wrap what users give them in partials, bound methods, closures and
decorators. The label is ``module:qualname`` of what is inside; code that Bokeh runs as a script has a
module name made up for each session, so there the file's name stands for it: ``app.py:view``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

#: What is not the user's: a callback from there has no label of its own.
_FRAMEWORKS = ("bokeh", "panel", "param", "holoviews", "hvplot", "tornado", "asyncio", "pyviz_comms", "functools")
#: How Bokeh's, Panel's and param's own closures call the function that they were given.
_CLOSED_OVER = ("handler", "callback", "func", "fn", "function", "eval_fn")
_DEPTH = 10
#: On wrappers of ours that time what they call: a framework's wrapper around one has no label of its own.
_TIMED = "_bokeh_exporter_timed"

_names: dict[CodeType, str | None] = {}
_NAMES = 2000


def name_of(callback: Any) -> str | None:
    """Return the label of a callback, None if it is a framework's own. Cached by code object."""
    code = getattr(callback, "__code__", None)
    if code is None or code not in _names:
        function = unwrap(callback)
        if function is None:
            return None
        code = getattr(function, "__code__", None)
        if code is None:
            return _describe(function)
        if code not in _names:
            if len(_names) >= _NAMES:
                _names.clear()  # autoreload compiles anew; code objects of scripts are few otherwise
            _names[code] = _describe(function)
    return _names[code]


def unwrap(callback: Any) -> Any:
    """Return what a partial, method, decorator or framework's closure calls in the end, None if we time it there."""
    for _ in range(_DEPTH):
        if _TIMED in getattr(callback, "__dict__", ()):
            return None
        inner = _inner(callback)
        if inner is None:
            break
        callback = inner
    return callback


def timing(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """``functools.wraps`` for a wrapper that times the function."""

    def decorate(wrapper: Any) -> Any:
        functools.update_wrapper(wrapper, function)
        wrapper.__dict__[_TIMED] = True
        return wrapper

    return decorate


def _inner(callback: Any) -> Any:
    if isinstance(callback, functools.partial):
        return callback.func
    method = getattr(callback, "__func__", None)
    if method is not None:
        return method
    for attribute in ("__bound_function__", "__wrapped__"):
        inner = getattr(callback, attribute, None)
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


def _describe(function: Any) -> str | None:
    module = getattr(function, "__module__", None)
    if is_framework(module):
        return None
    name = getattr(function, "__qualname__", type(function).__qualname__).replace("<locals>.", "")
    code = getattr(function, "__code__", None)
    if code is not None and (module is None or module.startswith(("bokeh_app_", "panel_setup"))):
        module = code.co_filename.replace("\\", "/").rpartition("/")[2]
    return f"{module}:{name}"
