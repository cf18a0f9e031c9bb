"""Reading objects without running their code, and writing about them without giving secrets away.

No ``repr``, ``str``, ``hash``, ``==`` or attribute access of an object: types are read with
``type``, containers through the methods of their built-in base, attributes from where they are stored.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from itertools import chain, compress, repeat
from types import ModuleType
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
from ..blame import keys
from .arrays import elements, is_array
from .atomic_reads import unseen

#: Text in keys and names is only shown if it looks like a name in code; a session's id is 40 characters and more,
#: hexadecimal names are ids of something.
_NAME = re.compile(r"[A-Za-z_/][A-Za-z0-9_./:-]{0,30}")
_ID = re.compile(r"[0-9a-fA-F-]{8,}|.*[0-9][A-Za-z]+[0-9][A-Za-z]+[0-9].*|.*\d{6,}.*")

#: What is as long as the shortest secret, in a name that somebody chose.
_LONG = re.compile(r"[\w-]{32,}")


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


def key(value: str) -> str:
    """Write a key: a literal of the code that owns the container, of any other its length and a mark."""
    if keys.is_literal(value) and _NAME.fullmatch(value) and not _ID.fullmatch(value):
        return f"'{value}'"
    return keys.hidden(value)


def label(value: object) -> str:
    """Write what a programmer called a thread, a logger or a variable; parts that may be secrets by their length."""
    if type(value) is not str:
        return text(value)
    shown = _LONG.sub(lambda found: f"<{len(found[0])} chars>", "".join(filter(str.isprintable, value)))
    return f"'{shown[:80]}'"
