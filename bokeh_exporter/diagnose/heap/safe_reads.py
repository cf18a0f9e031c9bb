"""Reading objects without running their code, and writing about them without giving secrets away.

No ``repr``, ``str``, ``hash``, ``==`` or attribute access of an object: types are read with
``type``, containers through the methods of their built-in base, attributes from where they are stored.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from itertools import chain, compress, repeat
from types import FunctionType, ModuleType
from typing import Any

from ...state.safe_looks import attribute_of_class as attribute_of_class
from ...state.safe_looks import attributes as attributes
from ...state.safe_looks import bases as bases
from ...state.safe_looks import class_namespace as class_namespace
from ...state.safe_looks import is_a as is_a
from ...state.safe_looks import namespace as namespace
from ...state.safe_looks import slots as slots
from ...state.safe_looks import type_module as type_module
from ...state.safe_looks import type_name as type_name
from ...state.wording import given_name
from ..blame import keys
from .arrays import elements, is_array
from .atomic_reads import unseen

#: Text in keys and names is only shown if it looks like a name in code; a session's id is 40 characters and more,
#: hexadecimal names are ids of something.
_NAME = re.compile(r"[A-Za-z_/][A-Za-z0-9_./:-]{0,30}")
_ID = re.compile(r"[0-9a-fA-F-]{8,}|.*[0-9][A-Za-z]+[0-9][A-Za-z]+[0-9].*|.*\d{6,}.*")


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
        return key(value)  # type: ignore[arg-type]
    if kind is tuple and 0 < len(value) <= 3:  # type: ignore[arg-type]
        inner = ", ".join(text(each) if type(each) is not tuple else "<tuple>" for each in value)  # type: ignore[attr-defined]
        return f"({inner})"
    return f"<{type_name(kind)}>"


def name(value: str, quote: str = "") -> str:
    """Write a text that is like a name in code, of any other its length."""
    if _NAME.fullmatch(value) and not _ID.fullmatch(value):
        return f"{quote}{value}{quote}"
    return f"<str, {len(value)} chars>"


def text_name(value: object) -> str:
    """Write what a context variable is called: its name is in the code, or in that of a library."""
    return name(value, "'") if type(value) is str else text(value)


def key(value: str) -> str:
    """Write a key: a literal of the code that owns the container, of any other its length and a mark."""
    if keys.is_literal(value) and _NAME.fullmatch(value) and not _ID.fullmatch(value):
        return f"'{value}'"
    return keys.hidden(value)


def attribute(holder: object, value: str) -> str:
    """Write an attribute of an object: one that the code of its class or on the way names, else as a key."""
    return member(type(holder), value)


def member(cls: type, value: str) -> str:
    """Write an attribute of a class or of its instances: one that its code or that on the way names, else as a key."""
    shown = name(value)
    if shown.startswith("<") or keys.is_literal(value) or (value.startswith("__") and value.endswith("__")):
        return shown
    # Libraries name the attributes of their own objects themselves; to read all of their files would take seconds.
    own = next(_files(cls), None)
    if own is not None and keys.is_library(own):
        return shown
    files = [file for kind in bases(cls) for file in _files(kind)]
    bare = value.rpartition("__")[2] or value  # a private one has its class's name before it
    return (
        shown
        if any(keys.has_literal(file, value) or keys.has_literal(file, bare) for file in files)
        else keys.hidden(value)
    )


def _files(kind: type) -> Iterator[str]:
    """Yield the files that a class is from: that of its module, and of its functions, which outlive a session's."""
    module = type_module(kind)
    file = keys.file_of(module) if module not in (None, "builtins") else None
    if file is not None:
        yield file
        return
    for member in list(class_namespace(kind).values()):
        if type(member) is FunctionType:
            yield member.__code__.co_filename
            return


def label(value: object) -> str:
    """Write what a thread, a logger or a variable is called; what is no literal of the code by its length."""
    if type(value) is not str:
        return text(value)
    shown = given_name(value, keys.is_literal)
    return shown if shown.startswith("<") else f"'{shown}'"
