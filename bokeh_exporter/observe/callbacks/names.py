"""The name of a callback: the user's function, whatever it is wrapped in.

Bokeh, Panel and param wrap what users give them in partials, bound methods, closures and
decorators. The label is ``module:qualname`` of what is inside; code that Bokeh runs as a script has a
module name made up for each session, so there the file's name stands for it: ``app.py:view``.

A callback may be any object, and its name any value: all is read by :mod:`~bokeh_exporter.state.safe_looks`, which runs
none of the user's code, and the label is cleaned here, before anything keeps it.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType
from typing import Any, TypeVar

from ...state.ledger.source_names import remember
from ...state.safe_looks import (
    attribute_of_class,
    attributes,
    called,
    class_namespace,
    is_a,
    partial_of,
    resemble,
    stored,
    type_module,
    type_name,
)
from ...state.wording import clean, code_file, code_name

Wrapper = TypeVar("Wrapper", bound=Callable[..., Any])

#: What is not the user's: a callback from there has no label of its own.
_FRAMEWORKS = ("bokeh", "panel", "param", "holoviews", "hvplot", "tornado", "asyncio", "pyviz_comms", "functools")
#: How Bokeh's, Panel's and param's own closures call the function that they were given.
_CLOSED_OVER = ("handler", "callback", "func", "fn", "function", "eval_fn")
#: Where decorators keep what they have wrapped: param's for bound functions, and ``functools.wraps``.
_WRAPPED = ("__bound_function__", "__wrapped__")
_DEPTH = 10
_QUALIFIED = sys.version_info >= (3, 11)
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
    if type(callback) is FunctionType:
        known = _known.get(id(callback.__code__))
        return known[2] if known is not None and known[1] is None else _follow(callback)
    name = _follow(callback)
    if name is None and type(callback) is MethodType:
        # A framework's object around the user's function, of which a method is registered: ``locked_callback``.
        inner = (attributes(callback.__self__) or {}).get("__wrapped__")
        return _follow(inner) if callable(inner) else None
    return name


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
            if type(inner) is str:
                return inner
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
        _known.clear()  # autoreload compiles again; code objects of scripts are few otherwise
    known = _known[id(code)] = code, inner, label
    return known


def _leads_on(function: FunctionType) -> Callable[[Any], Any] | None:
    if _wrapped(function) is not None:
        return _wrapped
    code = function.__code__
    if is_framework(function.__module__):
        cells = [index for index, name in enumerate(code.co_freevars) if name in _CLOSED_OVER]
        return functools.partial(_closed_over, cells) if cells else None
    return _component if code.co_freevars and code.co_name == "<lambda>" and _is_library(code) else None


def _wrapped(function: FunctionType) -> Any:
    attributes = function.__dict__
    if type(attributes) is not dict:  # somebody's own, with methods of its own
        return None
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


def _component(function: FunctionType) -> str | None:
    """Return the label of a library's lambda over a weak reference to what it updates, as Dask's dashboard has them.

    All its components share the one lambda; which is expensive is known by the class.
    """
    for cell in function.__closure__ or ():
        try:
            content = cell.cell_contents
        except ValueError:  # not filled yet
            continue
        if type(content) is weakref.ref and (owner := content()) is not None:
            kind = type(owner)
            # The lambda names the method, or a function of that name that calls it.
            named = [name for name in function.__code__.co_names if callable(attribute_of_class(kind, name))]
            return clean(f"{type_module(kind)}:{'.'.join([type_name(kind), *named[:1]])}")
    return None


def _inner(callback: Any) -> Any:
    """Return what an object that is no function calls: its ``__call__`` in the end."""
    inner = partial_of(callback)
    if inner is not None:
        return inner
    if is_a(callback, type):  # what a class holds is its instances'
        return None
    for attribute in ("__func__", *_WRAPPED):
        inner = stored(callback, attribute)
        if callable(inner):
            return inner
    call = class_namespace(type(callback)).get("__call__")
    return call if type(call) is FunctionType else None


def timing(function: Callable[..., Any]) -> Callable[[Wrapper], Wrapper]:
    """``functools.wraps`` for a wrapper that times the function."""

    def decorate(wrapper: Wrapper) -> Wrapper:
        resemble(wrapper, function)
        code: CodeType = wrapper.__code__
        _timed[id(code)] = code
        return wrapper

    return decorate


def is_framework(module: object) -> bool:
    """Whether the name of a module is one of the frameworks' rather than the user's."""
    return type(module) is str and module.partition(".")[0] in _FRAMEWORKS


def is_skip(error: BaseException) -> bool:
    """Whether it is param's ``Skip``, by which a function says that nothing has changed."""
    return type_name(type(error)) == "Skip" and (type_module(type(error)) or "").startswith("param.")


def _is_library(code: CodeType) -> bool:
    return not {"site-packages", "dist-packages"}.isdisjoint(code.co_filename.replace("\\", "/").split("/"))


def _describe(function: Any) -> str | None:
    module, name = called(function)
    if is_framework(module):
        return None
    # As the code has it: a name that was assigned, or the code itself, may be made of what somebody typed.
    if type(function) is FunctionType:
        code = code_name(function.__code__)
        # Python 3.10's code knows no more than the last part.
        name = code if _QUALIFIED or name.rpartition(".")[2] != code else name
    name = name.replace("<locals>.", "")
    if type(function) is FunctionType:
        file = code_file(function.__code__).replace("\\", "/").rpartition("/")[2]
        if module is None or module.startswith(("bokeh_app_", "panel_setup")):
            module = file
        elif module not in sys.modules and module.rpartition(".")[2] != file.removesuffix(".py"):
            module = file  # there is no such module: a name that somebody made
    if type(function) is FunctionType and name.endswith("<lambda>") and _is_library(function.__code__):
        name = f"{name}:{function.__code__.co_firstlineno}"  # a library has many, and nobody knows them by their place
    label = clean(f"{module or 'builtins'}:{name}")
    if type(function) is FunctionType:
        remember(label, code_file(function.__code__), function.__code__.co_firstlineno)
    return label
