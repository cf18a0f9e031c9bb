"""Looking at users' objects without running their code: the one home of that.

``isinstance`` asks an object's ``__class__``, ``getattr`` runs its ``__getattribute__`` and its class's descriptors,
``type(x).__name__`` runs those of its metaclass: each may raise anything, ``KeyboardInterrupt`` too, or change the app.
So a type is read with ``type``, what a class holds through ``type``'s own descriptors, what an instance stores from
where it is stored. Nothing here raises because of what it looks at. Cost: about a microsecond for each look.
Rejected: ``getattr`` within ``try``, which has run the user's code by the time it fails.
"""

from __future__ import annotations

import functools
import itertools
import weakref
from collections.abc import Callable, Iterator
from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any, Final, Generic, TypeVar, cast

_dict_of_type: Any = type.__dict__["__dict__"].__get__
_mro: Any = type.__dict__["__mro__"].__get__
_module_of: Any = type.__dict__["__module__"].__get__
_name_of: Any = type.__dict__["__qualname__"].__get__
_bare_name_of: Any = type.__dict__["__name__"].__get__
_plain_text = str.__str__
_of_module: Any = _dict_of_type(ModuleType)["__dict__"].__get__
_of_partial: Any = functools.partial.func.__get__
_of_method: Any = staticmethod.__dict__["__func__"], classmethod.__dict__["__func__"]
#: Their attributes are Python's own: to read one runs nobody's code.
_PLAIN = (FunctionType, BuiltinFunctionType)
#: What C classes have for attributes and methods.
IN_C: Final = (GetSetDescriptorType, MemberDescriptorType, WrapperDescriptorType)


def namespace(module: ModuleType) -> dict[str, Any]:
    """Return the real ``__dict__`` of a module."""
    found: dict[str, Any] = _of_module(module)
    return found


def class_namespace(kind: type) -> Any:
    """Return a view of the attributes of a class."""
    return _dict_of_type(kind)


def type_name(kind: type) -> str:
    """Return the bare name of a class."""
    found: str = _plain_text(_bare_name_of(kind))  # one that somebody assigned may be of a derived class
    return found


def type_module(kind: type) -> str | None:
    """Return the module that a class says it is from."""
    try:
        module = _module_of(kind)
    except AttributeError:
        return None
    return module if type(module) is str else None


def is_a(thing: object, *kinds: type) -> bool:
    """Whether the type of a thing is one of these or derived from one; the thing itself is not asked."""
    return issubclass(type(thing), kinds)


def bases(kind: type) -> tuple[type, ...]:
    """Return the method resolution order of a class."""
    found: tuple[type, ...] = _mro(kind)
    return found


def attributes(thing: object) -> dict[str, Any] | None:
    """Return the instance's ``__dict__``, None if it has none."""
    kind = type(thing)
    place = _place_of_dict.of(kind)
    if place is None:
        return None
    try:
        descriptor = _dict_of_type(_mro(kind)[place])["__dict__"]
        if type(descriptor) is not GetSetDescriptorType:  # its bases were changed meanwhile
            return None
        found = descriptor.__get__(thing)
    except (AttributeError, TypeError, LookupError):
        return None
    return found if type(found) is dict else None


def slots(thing: object) -> Iterator[tuple[str, Any]]:
    """Yield what an object stores in slots of its class, C classes' members too."""
    for kind in bases(type(thing)):
        for name, descriptor in list(_dict_of_type(kind).items()):
            if type(descriptor) is MemberDescriptorType:
                try:
                    yield name, descriptor.__get__(thing)
                except (AttributeError, TypeError):
                    continue


def attribute_of_class(kind: type, attribute: str) -> Any:
    """Return an attribute of a class as it is stored, None if there is none."""
    for base in bases(kind):
        found = _dict_of_type(base).get(attribute)
        if found is not None:
            return found
    return None


def in_c(thing: object, attribute: str) -> Any:
    """Return an attribute that the class has in C, as arrays have their size and coroutines their frame; else None."""
    found = attribute_of_class(type(thing), attribute)
    if type(found) not in IN_C[:2]:
        return None
    try:
        return found.__get__(thing)
    except (AttributeError, TypeError):
        return None


def type_qualname(kind: type) -> str:
    """Return the qualified name of a class, as a plain string."""
    return str.__str__(_name_of(kind))


def function_of(callback: object) -> FunctionType | None:
    """Return the Python function that a function or a bound method is made of, None for anything else."""
    if type(callback) is MethodType:
        callback = callback.__func__
    return callback if type(callback) is FunctionType else None


def partial_of(callback: object) -> Any:
    """Return what a ``functools.partial`` calls, None for anything else."""
    return _of_partial(callback) if is_a(callback, functools.partial) else None


def stored(thing: object, attribute: str) -> Any:
    """Return an attribute as it is stored, in the instance or else its class; None if there is none.

    Properties and other descriptors of users' are returned, not run.
    """
    if type(thing) in _PLAIN:
        return getattr(thing, attribute, None)
    if type(thing) is MethodType:
        return thing.__func__ if attribute == "__func__" else stored(thing.__func__, attribute)
    if is_a(thing, classmethod, staticmethod) and attribute in ("__func__", "__wrapped__"):
        return _of_method[is_a(thing, classmethod)].__get__(thing)
    found = attributes(thing)
    if found is not None and attribute in found:
        return found[attribute]
    return attribute_of_class(type(thing), attribute)


def called(thing: object) -> tuple[str | None, str]:
    """Return module and qualified name of a function, a class or, for any other object, of its class.

    Plain strings, whatever somebody assigned; not cleaned.
    """
    kind = type(thing)
    if kind in _PLAIN or kind is MethodType:
        module, name = stored(thing, "__module__"), stored(thing, "__qualname__")
        name = text_of(name)
        return text_of(module), name if name else type_qualname(kind)
    if is_a(thing, type):
        return type_module(cast(type, thing)), type_qualname(cast(type, thing))
    return type_module(kind), type_qualname(kind)


def items_of(things: Any, most: int) -> list[Any]:
    """Return the first items of a list, a tuple or a set, also of a derived class; no more than some."""
    for kind in (list, tuple, set):
        if is_a(things, kind):
            return list(itertools.islice(kind.__iter__(things), most))
    return []


def text_of(value: object) -> str | None:
    """Return a plain string of a string, also of a derived class; None of anything else."""
    return str.__str__(value) if is_a(value, str) else None


Known = TypeVar("Known")


class ByClass(Generic[Known]):
    """What was worked out for classes: found by their address, so that no metaclass is asked for a hash."""

    def __init__(self, work_out: Callable[[type], Known]) -> None:
        self._work_out = work_out
        self._known: dict[int, tuple[weakref.ref[type], Known]] = {}

    def of(self, kind: type) -> Known:
        """Return what is known of a class; it is not kept alive."""
        known = self._known.get(id(kind))
        if known is not None and known[0]() is kind:
            return known[1]
        if len(self._known) > 2000:
            self._known.clear()
        found = self._work_out(kind)
        self._known[id(kind)] = weakref.ref(kind), found
        return found


def _find_dict(kind: type) -> int | None:
    """Return which base of a class has the ``__dict__`` of its instances; another entry of that name is the user's."""
    for place, base in enumerate(bases(kind)):
        if type(_dict_of_type(base).get("__dict__")) is GetSetDescriptorType:
            return place
    return None


#: A place and not the descriptor, which would keep its class alive.
_place_of_dict: ByClass[int | None] = ByClass(_find_dict)


def resemble(wrapper: Callable[..., Any], function: Any) -> None:
    """``functools.update_wrapper`` for a function that may be any object: a ``Mock`` has a ``__name__`` that is one."""
    if type(function) is FunctionType and type(function.__dict__) is dict:
        functools.update_wrapper(wrapper, function)
        return
    module, name = called(function)
    wrapper.__module__ = module or wrapper.__module__
    wrapper.__qualname__ = name
    wrapper.__name__ = name.rpartition(".")[2]
    wrapper.__wrapped__ = function  # type: ignore[attr-defined]
