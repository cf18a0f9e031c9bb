"""What an object is called: a function with its file and line, a watcher with its parameter, a task with its coroutine.

Only what is stored is read, and only of types whose storage is known; anything else is called by its type.
"""

from __future__ import annotations

import functools
import gc
import weakref
from collections import deque
from collections.abc import Callable
from contextvars import Context
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
)
from typing import Any, NamedTuple

from ...state.python_paths import OURS
from ...state.safe_looks import in_c, text_of
from ...state.wording import bare_name, clean, code_file, code_name
from . import safe_reads as safely
from .capture import is_of_app

#: ``Py_TPFLAGS_IMMUTABLETYPE``: a type that C made, and no class statement.
_IMMUTABLE = 1 << 8
_flags: Any = type.__dict__["__flags__"].__get__
#: How far is looked for the app's coroutine.
_DEEP = 20
CONTAINERS = (dict, list, tuple, set, frozenset, deque)


class CodeLocation(NamedTuple):
    """Where the code of something is."""

    module: str | None = None
    file: str | None = None
    line: int | None = None

    def short(self) -> str:
        """Write it behind a name."""
        return f" ({self.file.replace(chr(92), '/').rpartition('/')[2]}:{self.line})" if self.file else ""


def noun(thing: object) -> str:
    """Name an object for a person."""
    for kinds, say in _TABLE:
        if safely.is_a(thing, *kinds):
            return say(thing)
    for base in safely.bases(type(thing)):
        known = _KNOWN.get((safely.type_module(base) or "", safely.type_name(base)))
        if known is not None:
            try:
                return known(thing)
            except (AttributeError, KeyError, IndexError, TypeError, ValueError):
                break
    wrapped = _wrapped(thing)
    return plain(thing) if wrapped is None else f"{plain(thing)} of {noun(wrapped)}"


def _wrapped(thing: object) -> FunctionType | None:
    """Return the function that an object is made around, as ``functools.update_wrapper`` leaves it."""
    found = (safely.attributes(thing) or {}).get("__wrapped__")
    return found if type(found) is FunctionType else None


def plain(thing: object) -> str:
    """Name an object by its type; one of a C extension with its module."""
    kind = type(thing)
    name, module = safely.type_name(kind), safely.type_module(kind)
    written = not _flags(kind) & _IMMUTABLE
    return name if written or module in (None, "builtins") else f"{module}.{name}"


def place(thing: object) -> CodeLocation:
    """Say where the code of an object is: of a function, a coroutine, a frame, or the module of its class."""
    if safely.is_a(thing, MethodType):
        thing = thing.__func__  # type: ignore[attr-defined]
    if safely.is_a(thing, functools.partial):
        thing = thing.func  # type: ignore[attr-defined]
    if type(thing) is _LRU:
        thing = (safely.attributes(thing) or {}).get("__wrapped__")
    code = _code(thing)
    if code is not None:
        frame = _frame(thing)
        module = thing.__module__ if type(thing) is FunctionType else None
        return CodeLocation(
            _public(module), code_file(code), frame.f_lineno if frame is not None else code.co_firstlineno
        )
    if isinstance(type(thing), type) and safely.is_a(thing, type):
        return CodeLocation(_public(safely.type_module(thing)))  # type: ignore[arg-type]
    return CodeLocation(_public(safely.type_module(type(thing))))


def _public(module: object) -> str | None:
    # Bokeh runs a script in a module named after the session: the file says what it is.
    return clean(module) if type(module) is str and not module.startswith("bokeh_app_") else None


def _frame(thing: Any) -> FrameType | None:
    if safely.is_a(thing, FrameType):
        return thing  # type: ignore[no-any-return]
    for kind, name in ((CoroutineType, "cr_frame"), (GeneratorType, "gi_frame"), (AsyncGeneratorType, "ag_frame")):
        if type(thing) is kind:
            return getattr(thing, name)  # type: ignore[no-any-return]
    return None


def _code(thing: Any) -> CodeType | None:
    for kind, name in (
        (FunctionType, "__code__"), (CoroutineType, "cr_code"), (GeneratorType, "gi_code"),
        (AsyncGeneratorType, "ag_code"), (FrameType, "f_code"),
    ):  # fmt: skip
        if type(thing) is kind:
            return getattr(thing, name)  # type: ignore[no-any-return]
    return None


def _code_name(thing: Any) -> str:
    """Return the qualified name of a function or coroutine; none of code that was made from a text, or was assigned."""
    name, code = text_of(in_c(thing, "__qualname__")), _code(thing)
    if code is not None and (name is None or bare_name(code) != name.rpartition(".")[2]):
        return code_name(code)
    return clean(name) if name is not None else safely.type_name(type(thing))


def _function(function: Any) -> str:
    return f"function {_code_name(function)}{place(function).short()}"


def _callable(thing: Any) -> str:
    if type(thing) is FunctionType:
        return _code_name(thing)
    if type(thing) is MethodType:
        return f"{safely.type_name(type(thing.__self__))}.{_callable(thing.__func__).rpartition('.')[2]}"
    if safely.is_a(thing, functools.partial):
        return _callable(thing.func)
    return thing.__name__ if type(thing) is BuiltinFunctionType else safely.type_name(type(thing))


def _lru(wrapper: Any) -> str:
    function = (safely.attributes(wrapper) or {}).get("__wrapped__")
    if type(function) is not FunctionType:
        return "functools.lru_cache"
    module = place(function).module
    return f"functools.lru_cache of {module + '.' if module else ''}{_code_name(function)}"


def _coroutine(what: str) -> Callable[[Any], str]:
    return lambda thing: f"{what} {_code_name(thing)}{place(thing).short()}"


def _running(frame: Any) -> str:
    return f"call of {bare_name(frame.f_code)}{place(frame).short()}"


_LRU: type = type(functools.lru_cache(lambda: None))
_TABLE: tuple[tuple[tuple[type, ...], Callable[[Any], str]], ...] = (
    ((FunctionType,), _function),
    ((MethodType,), lambda thing: f"method {_callable(thing)}{place(thing).short()}"),
    ((BuiltinFunctionType,), lambda thing: f"built-in {thing.__name__}"),
    ((_LRU,), _lru),
    ((functools.partial,), lambda thing: f"partial of {_callable(thing.func)}{place(thing).short()}"),
    ((CoroutineType,), _coroutine("coroutine")),
    ((GeneratorType,), _coroutine("generator")),
    ((AsyncGeneratorType,), _coroutine("generator")),
    ((FrameType,), _running),
    ((weakref.ref,), lambda thing: "weak reference"),
    ((Context,), lambda thing: "context"),
    ((type,), lambda thing: f"class {safely.type_name(thing)}"),
)


def _slot(thing: Any, name: str) -> Any:
    return next((value for each, value in safely.slots(thing) if each == name), None)


def _attribute(thing: Any, name: str) -> Any:
    return (safely.attributes(thing) or {})[name]


def _task(task: Any) -> str:
    coroutine = task.get_coro() if safely.type_module(type(task)) == "_asyncio" else _attribute(task, "_coro")
    coroutine = runs(coroutine) or coroutine
    inner = _of_app(coroutine)
    waits = f" that {_code_name(coroutine)} waits for" if inner is not coroutine else ""
    return f"task of function {_code_name(inner)}{place(inner).short()}{waits}"


def runs(coroutine: object) -> Any:
    """Return the coroutine that a task runs, or the async generator whose next value it waits for; None if neither."""
    if type(coroutine) is CoroutineType:
        return coroutine
    if safely.type_name(type(coroutine)).startswith("async_generator_"):
        return next((each for each in gc.get_referents(coroutine) if type(each) is AsyncGeneratorType), None)
    return None


def _of_app(coroutine: Any) -> Any:
    """Return the app's coroutine that one of a library's waits for; else the same."""
    inner = coroutine
    for _ in range(_DEEP):
        code = _code(inner)
        if code is not None and is_of_app(code.co_filename):
            return inner
        if type(inner) is CoroutineType:
            inner = inner.cr_await
        elif type(inner) is GeneratorType and code is not None and code.co_filename.replace("\\", "/").startswith(OURS):
            # We step through a coroutine by hand, which hides it; among our variables it is the only one.
            inner = next((each for each in gc.get_referents(inner) if type(each) is CoroutineType), None)
        else:
            break
    return coroutine


def _watcher(watcher: Any) -> str:
    fields = safely.attribute_of_class(type(watcher), "_fields")
    values = dict(zip(fields, tuple.__iter__(watcher), strict=True))
    owner = type(values["inst"]) if values["inst"] is not None else values["cls"]
    shown = [safely.member(owner, name) for name in values["parameter_names"]]
    names = ", ".join(name if name.startswith("<") else f"'{name}'" for name in shown)
    return f"watcher of parameter {names} of {safely.type_name(owner)}, which calls {_callable(values['fn'])}"


_KNOWN: dict[tuple[str, str], Callable[[Any], str]] = {
    ("_asyncio", "Task"): _task,
    ("asyncio.tasks", "Task"): _task,
    ("asyncio.events", "TimerHandle"): lambda thing: "timer",
    ("asyncio.events", "Handle"): lambda thing: "callback",
    ("param.parameterized", "Watcher"): _watcher,
    ("logging", "Logger"): lambda thing: f"logger {safely.label(_attribute(thing, 'name'))}",
    ("threading", "Thread"): lambda thing: f"thread {safely.label(_attribute(thing, '_name'))}",
    ("concurrent.futures.thread", "_WorkItem"): lambda thing: f"work item of {noun(_attribute(thing, 'fn'))}",
    ("weakref", "_Info"): lambda thing: f"weakref.finalize, which calls {_callable(_slot(thing, 'func'))}",
    ("bokeh.model.model", "Model"): lambda thing: f"{safely.type_name(type(thing))}(...)",
}
