"""Reading objects without running anybody's code, and writing about them without telling anybody's secrets.

No ``repr``, ``str``, ``hash``, ``==`` or attribute access of an object: types are read with
``type``, containers through the methods of their built-in base, attributes from where they are stored.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from itertools import chain, compress, repeat
from types import GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any

from .arrays import elements, is_array
from .atomic_reads import unseen

#: Text in keys and names is only shown if it looks like a name in code; a session's id is 40 characters and more,
#: hexadecimal names are ids of something.
_NAME = re.compile(r"[A-Za-z_/][A-Za-z0-9_./:-]{0,30}")
_ID = re.compile(r"[0-9a-fA-F-]{8,}|.*[0-9][A-Za-z]+[0-9][A-Za-z]+[0-9].*|.*\d{6,}.*")

_dict_of_type: Any = type.__dict__["__dict__"].__get__
_mro: Any = type.__dict__["__mro__"].__get__
_module_of: Any = type.__dict__["__module__"].__get__
#: What is as long as the shortest secret, in a name that somebody chose.
_LONG = re.compile(r"[\w-]{32,}")
_of_module: Any = _dict_of_type(ModuleType)["__dict__"].__get__
_name_of: Any = type.__dict__["__qualname__"].__get__


def namespace(module: ModuleType) -> dict[str, Any]:
    """Return the real ``__dict__`` of a module."""
    found: dict[str, Any] = _of_module(module)
    return found


def class_namespace(kind: type) -> Any:
    """Return a view of the attributes of a class."""
    return _dict_of_type(kind)


def type_name(kind: type) -> str:
    """Return the bare name of a class."""
    return str(_name_of(kind)).rpartition(".")[2]


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
    for kind in bases(type(thing)):
        descriptor = _dict_of_type(kind).get("__dict__")
        if type(descriptor) is GetSetDescriptorType:  # else it is the user's
            try:
                found = descriptor.__get__(thing)
            except (AttributeError, TypeError):
                return None
            return found if type(found) is dict else None
    return None


def slots(thing: object) -> Iterator[tuple[str, Any]]:
    """Yield what an object stores in slots of its class, C classes' members too."""
    for kind in bases(type(thing)):
        for name, descriptor in list(_dict_of_type(kind).items()):
            if type(descriptor) is MemberDescriptorType:
                try:
                    yield name, descriptor.__get__(thing)
                except (AttributeError, TypeError):
                    continue


def child(parent: Any, key: int) -> Any:
    """Return what the parent refers to now and has this ``id``.

    Raises:
        LookupError: it does not refer to it any more.
    """
    if is_a(parent, ModuleType):  # its referents are not to be asked for, see referents
        if id(namespace(parent)) != key:
            raise LookupError("the reference has gone")
        return namespace(parent)
    ids = unseen(list, map(id, referents(parent)))
    same = chain(map(key.__eq__, ids), repeat(False))
    found = unseen(list, compress(referents(parent), same))
    if not found or id(found[0]) != key:
        raise LookupError("the reference has gone")
    return found[0]


def referents(parent: Any) -> Iterator[Any]:
    """Yield what an object that is no module refers to; to be read in one run, see :mod:`unseen`."""
    if is_array(parent):
        return elements(parent)
    return chain.from_iterable(map(gc.get_referents, repeat(parent, 1)))


def text(value: object) -> str:
    """Write a key: numbers, and text that is like a name in code; of anything else what it is."""
    kind = type(value)
    if kind in (int, float, bool, type(None)):
        shown = repr(value)
        return shown if len(shown) <= 12 else f"<{kind.__name__}>"
    if kind is str:
        return name(value, "'")  # type: ignore[arg-type]
    if kind is tuple and 0 < len(value) <= 3:  # type: ignore[arg-type]
        inner = ", ".join(text(each) if type(each) is not tuple else "<tuple>" for each in value)  # type: ignore[attr-defined]
        return f"({inner})"
    return f"<{type_name(kind)}>"


def name(value: str, quote: str = "") -> str:
    """Write a text that is like a name in code, of any other its length."""
    if _NAME.fullmatch(value) and not _ID.fullmatch(value):
        return f"{quote}{value}{quote}"
    return f"<str, {len(value)} chars>"


def attribute_of_class(kind: type, attribute: str) -> Any:
    """Return an attribute of a class as it is stored, None if there is none."""
    for base in bases(kind):
        found = _dict_of_type(base).get(attribute)
        if found is not None:
            return found
    return None


def label(value: object) -> str:
    """Write what a programmer called a thread, a logger or a variable; parts that may be secrets by their length."""
    if type(value) is not str:
        return text(value)
    shown = _LONG.sub(lambda found: f"<{len(found[0])} chars>", "".join(filter(str.isprintable, value)))
    return f"'{shown[:80]}'"
