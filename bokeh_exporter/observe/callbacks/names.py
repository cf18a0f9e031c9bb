"""The name of a callback: the user's function, whatever it is wrapped in.

Bokeh, Panel and param wrap what users give them in partials, bound methods, closures and
decorators. The label is ``module:qualname`` of what is inside; code that Bokeh runs as a script has a
module name made up for each session, so there the file's name stands for it: ``app.py:view``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType
from typing import Any, TypeVar

Wrapper = TypeVar("Wrapper", bound=Callable[..., Any])

#: What is not the user's: a callback from there has no label of its own.
_FRAMEWORKS = ("bokeh", "panel", "param", "holoviews", "hvplot", "tornado", "asyncio", "pyviz_comms", "functools")
#: How Bokeh's, Panel's and param's own closures call the function that they were given.
_CLOSED_OVER = ("handler", "callback", "func", "fn", "function", "eval_fn")
#: Where decorators keep what they have wrapped: param's for bound functions, and ``functools.wraps``.
_WRAPPED = ("__bound_function__", "__wrapped__")
_DEPTH = 10
#: Wrappers of ours that time what they call, by the ``id`` of their code: such a one, and a framework's wrapper around
#: it, has no label of its own. There are some ten.
_timed: dict[int, CodeType] = {}

#: What the functions of a code object have in common, by its ``id``: the code object, so that it stays alive, how to
#: get from one to what it calls, and the label where that is the end. Compared by ``id`` since the same code in two
#: files is equal, and Python 3.12 takes microseconds to hash it.
_known: dict[int, tuple[CodeType, Callable[[Any], Any] | None, str | None]] = {}
_CODES = 2000


def name_of(callback: Any) -> str | None:
    """Return the label of a callback, None if it is a framework's own."""
    try:
        known = _known.get(id(callback.__code__))  # a method has that of its function
    except Exception:  # ``__getattr__`` of the user's may raise anything
        known = None
    return known[2] if known is not None and known[1] is None else _follow(callback)


def _follow(callback: Any) -> str | None:
    for _ in range(_DEPTH):
        kind = type(callback)
        if kind is FunctionType:
            known = _known.get(id(callback.__code__)) or _learn(callback)
            if known[1] is None:
                return known[2]
            inner = known[1](callback)
            if inner is None:
                return _describe(callback)
            callback = inner
        elif kind is MethodType:
            callback = callback.__func__
        elif kind is functools.partial:
            callback = callback.func
        elif (inner := _inner(callback)) is None:
            break
        else:
            callback = inner
    return _describe(callback)


def _learn(function: FunctionType) -> tuple[CodeType, Callable[[Any], Any] | None, str | None]:
    """Find out how the functions of a code object lead on: closures of one framework's function are many."""
    code = function.__code__
    inner = label = None
    if id(code) not in _timed:
        inner = _leads_on(function)
        label = _describe(function) if inner is None else None
    if len(_known) >= _CODES:
        _known.clear()  # autoreload compiles anew; code objects of scripts are few otherwise
    known = _known[id(code)] = code, inner, label
    return known


def _leads_on(function: FunctionType) -> Callable[[Any], Any] | None:
    if _wrapped(function) is not None:
        return _wrapped
    cells = [index for index, name in enumerate(function.__code__.co_freevars) if name in _CLOSED_OVER]
    return functools.partial(_closed_over, cells) if cells and is_framework(function.__module__) else None


def _wrapped(function: FunctionType) -> Any:
    attributes = function.__dict__
    for name in _WRAPPED:  # one of the same code has the first, another the second only
        inner = attributes.get(name)
        if callable(inner):
            return inner
    return None


def _closed_over(cells: list[int], function: FunctionType) -> Any:
    for index in cells:
        try:
            content = (function.__closure__ or ())[index].cell_contents
        except (ValueError, IndexError):  # not filled yet
            continue
        if callable(content):
            return content
    return None


def _inner(callback: Any) -> Any:
    """Return what an object that is no function calls: its ``__call__`` in the end."""
    if isinstance(callback, functools.partial):
        return callback.func
    for attribute in ("__func__", *_WRAPPED):
        inner = _attribute(callback, attribute)
        if callable(inner):
            return inner
    call = vars(type(callback)).get("__call__")
    return call if isinstance(call, FunctionType) else None


def _attribute(thing: Any, name: str) -> Any:
    """Return an attribute, None if there is none: ``__getattr__`` of the user's may raise anything."""
    try:
        return getattr(thing, name, None)
    except Exception:
        return None


def timing(function: Callable[..., Any]) -> Callable[[Wrapper], Wrapper]:
    """``functools.wraps`` for a wrapper that times the function."""

    def decorate(wrapper: Wrapper) -> Wrapper:
        functools.update_wrapper(wrapper, function)
        code: CodeType = wrapper.__code__
        _timed[id(code)] = code
        return wrapper

    return decorate


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
