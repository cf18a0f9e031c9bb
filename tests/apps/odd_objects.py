"""Odd objects: each notes, or raises at, a method that Python and hosts look for. See ``odd_places.py``."""

from __future__ import annotations

import asyncio
import functools
import itertools
import types
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock, create_autospec

NOTES: list[str] = []
#: Which special attributes are trapped: each notes, and raises or goes on.
TRAPPED = (
    "__getattr__", "__getattribute__", "__class__", "__eq__", "__hash__", "__bool__", "__len__", "__repr__", "__str__",
    "__iter__", "isoformat", "values", "__name__", "__module__", "__code__", "__wrapped__", "__func__", "__self__",
    "__signature__", "__bound_function__", "__await__", "__dict__", "__type_params__", "_watcher_name", "func",
    "nbytes",
)  # fmt: skip


class Stop(BaseException):
    """Like ``KeyboardInterrupt``, which no ``except Exception`` catches, but one that a loop survives."""


class OddError(Exception):
    """What the traps raise that are caught by most."""


def trapped(what: str) -> Any:
    note(what)
    raise Stop


def note(what: str) -> None:
    NOTES.append(what)


def trap(name: str, error: type[BaseException] | None) -> Any:
    """Return a callable object that notes the use of a special attribute, and raises at it, or goes on."""

    def call(self: object, *args: Any, **named: Any) -> Any:
        note("called")
        return "result"

    def use(*args: Any, **named: Any) -> Any:
        note(name)
        if error is not None:
            raise error(name)

    if name == "__getattribute__":

        def attribute(self: object, wanted: str) -> Any:
            note(f"__getattribute__ {wanted}")
            if error is not None:
                raise error(wanted)
            return object.__getattribute__(self, wanted)

        return type("Trap", (), {"__call__": call, name: attribute})()
    if name == "__getattr__":

        def missing(self: object, wanted: str) -> Any:
            note(f"__getattr__ {wanted}")
            raise (error or AttributeError)(wanted)

        return type("Trap", (), {"__call__": call, name: missing})()
    results: dict[str, Callable[..., Any]] = {
        "__eq__": lambda self, other: use() or self is other, "__hash__": lambda self: use() or 7,
        "__bool__": lambda self: use() is not None, "__len__": lambda self: use() or 0,
        "__repr__": lambda self: use() or "odd", "__str__": lambda self: use() or "odd",
        "__iter__": lambda self: use() or iter(()), "isoformat": lambda self: use() or "now",
    }  # fmt: skip
    if name in results:
        fields: dict[str, Any] = {"__call__": call, name: results[name]}
        if name == "__eq__":
            fields["__hash__"] = object.__hash__
        return type("Trap", (), fields)()
    values: dict[str, Any] = {
        "__class__": types.FunctionType, "__code__": call.__code__, "__wrapped__": print, "__func__": print,
        "__self__": "me", "func": print, "__bound_function__": print, "_watcher_name": "watcher", "__dict__": {},
        "__await__": None, "__signature__": None, "nbytes": 8, "__type_params__": (), "values": (),
    }  # fmt: skip
    return type("Trap", (), {"__call__": call, name: property(lambda self: use() or values.get(name, "odd"))})()


class OddMeta(type):
    """A metaclass whose classes cannot be asked for anything once they are made."""

    armed = False

    def __getattribute__(cls, wanted: str) -> Any:
        if OddMeta.armed:
            note(f"metaclass {wanted}")
            raise Stop(wanted)
        return type.__getattribute__(cls, wanted)

    def __instancecheck__(cls, instance: object) -> bool:
        note("instancecheck")
        raise Stop

    def __subclasscheck__(cls, instance: object) -> bool:
        note("subclasscheck")
        raise Stop


class OfMeta(metaclass=OddMeta):
    def __call__(self, *args: Any, **named: Any) -> None:
        note("called")


def refusing(*names: str) -> dict[str, Any]:
    """Return methods that note and raise, for the body of a class."""

    def make(name: str) -> Any:
        def refuse(self: object, *args: Any, **named: Any) -> Any:
            note(f"{name} of a class of the user's")
            raise Stop

        return refuse

    return {name: make(name) for name in names}


#: A name with methods of its own, and what a function may be given for its ``__dict__``.
OddText: Any = type(
    "OddText", (str,), refusing("__eq__", "__hash__", "__str__", "partition", "startswith", "replace", "encode")
)
OddFields: Any = type("OddFields", (dict,), refusing("get", "__getitem__", "keys", "items", "__iter__"))


class OddPartial(functools.partial):  # type: ignore[type-arg]
    def __getattribute__(self, wanted: str) -> Any:
        note(f"partial {wanted}")
        raise Stop(wanted)


def function(**fields: Any) -> Any:
    def odd(*args: Any, **named: Any) -> str:
        note("called")
        return "result"

    for name, value in fields.items():
        setattr(odd, name, value)
    return odd


def of_three(attr: Any = None, old: Any = None, new: Any = None) -> None:
    note("called")


async def awaited(*args: Any, **named: Any) -> str:
    note("called")
    await asyncio.sleep(0)
    note("went on")
    return "result"


async def async_generating(*args: Any, **named: Any) -> AsyncIterator[str]:
    note("called")
    yield "result"


async def of_event(event: Any) -> None:
    note("called")


class AsyncCall:
    async def __call__(self, *args: Any, **named: Any) -> str:
        note("called")
        return "result"


class Describing:
    """A descriptor that is called: bound where somebody looks it up in a class."""

    def __get__(self, owner: object, kind: object = None) -> Any:
        note("__get__")
        raise Stop

    def __call__(self, *args: Any, **named: Any) -> None:
        note("called")


class OfDescriptor:
    __wrapped__ = Describing()
    __func__ = Describing()

    def __call__(self, *args: Any, **named: Any) -> None:
        note("called")


def loop_of_wrapped() -> Any:
    first, second = function(), function()
    first.__wrapped__, second.__wrapped__ = second, first
    return first


def raising(error: Any) -> Any:
    def odd(*args: Any, **named: Any) -> None:
        note("called")
        raise error()

    return odd


def returning(make: Callable[[], Any]) -> Any:
    def odd(*args: Any, **named: Any) -> Any:
        note("called")
        return make()

    return odd


#: An exception that says nothing of itself.
SilentError: Any = type(
    "SilentError", (Exception,), {"__class__": property(lambda self: trapped("error")), **refusing("__str__")}
)


def generating(*args: Any, **named: Any) -> Iterator[str]:
    note("called")
    yield "result"


def of(around: Callable[[Any], Any], made: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: around(made())


def odd_objects() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the name of each odd object and what makes one."""
    for name, error in itertools.product(TRAPPED, (None, OddError, Stop)):
        made = functools.partial(trap, name, error)
        yield f"{name} {error and error.__name__}", made
        if error is Stop:
            yield f"partial of {name}", of(functools.partial, made)
            yield f"method of {name}", of(lambda inner: types.MethodType(inner, "me"), made)
            yield f"around {name}", of(lambda inner: function(__wrapped__=inner), made)
            yield f"returning {name}", functools.partial(returning, made)
    yield "module a number", lambda: function(__module__=3)
    yield "module none", lambda: function(__module__=None)
    yield "module odd text", lambda: function(__module__=OddText("odd"))
    yield "name odd text", lambda: function(__qualname__=OddText("odd"))
    yield "name lone surrogate", lambda: function(__qualname__="a\udce9\x1b]0;b\n")
    yield "fields odd", lambda: function(__dict__=OddFields(a=1))
    yield "wrapped by itself", loop_of_wrapped
    yield "metaclass", OfMeta
    yield "partial of metaclass", lambda: functools.partial(OfMeta())
    yield "odd partial", lambda: OddPartial(function())
    yield "descriptor", OfDescriptor
    yield "mock", Mock
    yield "mock of a function", lambda: Mock(spec=of_three)
    yield "mock of an async function", lambda: Mock(spec=awaited)
    yield "magic mock", MagicMock
    yield "async mock", AsyncMock
    yield "autospec", lambda: create_autospec(of_three)
    yield "autospec of an async function", lambda: create_autospec(awaited)
    yield "async", lambda: awaited
    yield "async of an event", lambda: of_event
    yield "async call", AsyncCall
    yield "partial of async", lambda: functools.partial(awaited)
    yield "static", lambda: staticmethod(of_three)
    yield "class", lambda: OfMeta
    yield "plain class", lambda: Describing
    yield "print", lambda: len
    yield "append", lambda: [].append
    yield "of type", lambda: dict.get
    yield "of three", lambda: of_three
    yield "generating", lambda: generating
    yield "async generating", lambda: async_generating
    yield "no callable", lambda: 3
    yield "raises Odd", lambda: raising(OddError)
    yield "raises SilentError", lambda: raising(SilentError)
    yield "raises Stop", lambda: raising(Stop)
