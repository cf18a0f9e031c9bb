"""What kind of thing a user's callback is, without running its code: see :mod:`.safe_looks`."""

from __future__ import annotations

import functools
import inspect
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, NoneType
from typing import Any, Final, cast

from .safe_looks import IN_C, attribute_of_class, attributes, bases, class_namespace, partial_of, stored


def _marks() -> tuple[str, ...]:
    """Return by which attributes Python 3.12 and newer mark what only looks like a plain function."""
    mark: Any = getattr(inspect, "markcoroutinefunction", None)
    return () if mark is None else tuple(mark(lambda: None).__dict__)


#: What a class must not have of its own if it is to be known how Python sees an instance of it.
_PRETENDING: Final = ("__getattr__", "__getattribute__", "__class__", "__code__", "__func__", *_marks())
#: What ``functools.wraps`` asks for; hosts use it on callbacks. A class has each as plain text, or in C.
_WRAPS: Final = ("__name__", "__qualname__", "__module__", "__doc__", "__dict__", "__annotations__", "__type_params__")
_OF_OBJECT = class_namespace(object)
_AS_USUAL: Final = (*IN_C, str, NoneType, dict, tuple, FunctionType, BuiltinFunctionType)


def is_async(callback: object) -> bool | None:
    """Whether ``inspect.iscoroutinefunction`` says so; None where only the object's own code knows.

    Such an object, a ``Mock`` for one, is best left alone: a wrapper of the wrong kind would change what the host does.
    An asynchronous generator function is, too: some hosts await it, which is an error, some go through it.
    """
    while True:
        kind = type(callback)
        if kind is FunctionType:
            function = cast(FunctionType, callback)
            if type(function.__dict__) is not dict or inspect.isasyncgenfunction(function):
                return None
            return inspect.iscoroutinefunction(function)
        if kind is MethodType:
            callback = cast(MethodType, callback).__func__
        elif issubclass(kind, functools.partial):
            if kind is not functools.partial and _pretends(callback):
                return None
            callback = partial_of(callback)
        elif kind is type:
            return False
        elif issubclass(kind, type) or _pretends(callback):
            return None
        else:
            code = attribute_of_class(kind, "__code__")  # Cython's functions have one, too
            flags = getattr(code.__get__(callback), "co_flags", 0) if type(code) in IN_C else 0
            return bool(flags & inspect.CO_COROUTINE)


def _pretends(thing: object) -> bool:
    """Whether an object has attributes, by its class or by itself, that make it look like something else."""
    for base in bases(type(thing)):
        names = class_namespace(base)
        for name in _PRETENDING:
            if name in names and names[name] is not _OF_OBJECT.get(name) and type(names[name]) not in IN_C:
                return True
        if any(type(names.get(name)) not in _AS_USUAL for name in _WRAPS):
            return True
    own = attributes(thing)
    return own is not None and any(name in own for name in _PRETENDING)


def hashes_by_identity(thing: object) -> bool:
    """Whether to hash or compare a thing runs nobody's code."""
    kind = type(thing)
    if kind is MethodType:
        return hashes_by_identity(cast(MethodType, thing).__self__)
    return (
        attribute_of_class(kind, "__hash__") is object.__hash__ and attribute_of_class(kind, "__eq__") is object.__eq__
    )


def code_of(callback: Any) -> CodeType | None:
    """Return the code of the function in partials, decorators and methods: it is constant, and holds nothing."""
    for _ in range(10):
        inner = partial_of(callback)
        if inner is None:
            inner = callback.__func__ if type(callback) is MethodType else stored(callback, "__wrapped__")
        if inner is None:
            break
        callback = inner
    return callback.__code__ if type(callback) is FunctionType else None
