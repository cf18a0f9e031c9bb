"""How one object refers to the next, in the words of who wrote it: a key, an index, an attribute, a closure's variable.

``edge`` looks at a chain of real objects and says how many of them one step takes: an instance, its
``__dict__`` and the value are one step, ``.attribute``. By the built-in type that stores it; the fallback says
that something holds it, and what.
"""

from __future__ import annotations

import functools
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from itertools import repeat
from operator import is_
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    CellType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
    TracebackType,
)
from typing import Any, NamedTuple

from . import arrays, frames
from . import safe_reads as safely


class Edge(NamedTuple):
    """One step. ``how`` is written behind the holder; ``takes``: how many objects of the chain it goes on by."""

    how: str
    takes: int = 1


Chain = Sequence[Any]
_SUSPENDED = (CoroutineType, GeneratorType, AsyncGeneratorType)
_FRAMES = ("cr_frame", "gi_frame", "ag_frame")
_HAMT = {"hamt", "hamt_bitmap_node", "hamt_array_node", "hamt_collision_node"}


def edge(chain: Chain, at: int) -> Edge:
    """Say how ``chain[at]`` refers to what comes after it in the chain."""
    if arrays.is_array(chain[at]):
        return Edge(arrays.place(chain[at], chain[at + 1]) or "")
    for kinds, say in _TABLE:
        if safely.is_a(chain[at], *kinds):
            try:
                found = say(chain, at)
            except (RuntimeError, AttributeError, TypeError, IndexError, ValueError):
                continue  # it changes under us, or is not quite what its type says
            if found is not None:
                return found
    return _instance(chain, at) or Edge("")


def _follows(chain: Chain, at: int, by: int) -> bool:
    return len(chain) > at + by


def _function(chain: Chain, at: int) -> Edge | None:
    function, to = chain[at], chain[at + 1]
    code = function.__code__
    if to is function.__closure__ and _follows(chain, at, 2):
        index = _index(function.__closure__, chain[at + 2])
        # A cell may be the end of the chain only where a test makes it so.
        return Edge(f" closure variable {code.co_freevars[index]}", 3 if _follows(chain, at, 3) else 2)
    if to is function.__defaults__ and _follows(chain, at, 2):
        defaults = function.__defaults__
        names = code.co_varnames[: code.co_argcount][-len(defaults) :]
        return Edge(f" default of argument {names[_index(defaults, chain[at + 2])]}", 2)
    if to is function.__kwdefaults__ and _follows(chain, at, 2):
        return Edge(f" default of argument {_key(to, chain[at + 2])}", 2)
    if to is function.__globals__ and _follows(chain, at, 2):
        return Edge(f" global variable {_key(to, chain[at + 2])}", 2)
    return None


def _index(sequence: Any, wanted: Any) -> int:
    for index, value in enumerate(tuple.__iter__(sequence)):
        if value is wanted:
            return index
    raise ValueError


def _key(mapping: dict[str, Any], wanted: Any) -> str:
    for key, value in dict.items(mapping):
        if value is wanted:
            return safely.name(key) if type(key) is str else safely.text(key)
    raise ValueError


def variable(namespace: dict[str, Any], value: Any) -> str | None:
    """Return the name of a variable of a module, which is a name in code and no key."""
    try:
        return _key(namespace, value)
    except ValueError:
        return None


def _dict(chain: Chain, at: int) -> Edge | None:
    mapping, to = chain[at], chain[at + 1]
    for key, value in dict.items(mapping):
        if value is to:
            return Edge(f"[{safely.text(key)}]")
    for key in dict.keys(mapping):
        if key is to:
            return Edge(" [a key]")
    return None


def _sequence(chain: Chain, at: int) -> Edge | None:
    base: Any = next(base for base in (list, tuple, deque) if safely.is_a(chain[at], base))
    # Compared by C code: enumerate() keeps the pair that it made last, and a module of a session may be in it.
    for index, same in enumerate(map(is_, base.__iter__(chain[at]), repeat(chain[at + 1]))):
        if same:
            fields = safely.attribute_of_class(type(chain[at]), "_fields") if base is tuple else None
            return Edge(f".{fields[index]}" if type(fields) is tuple and index < len(fields) else f"[{index}]")
    return None


def _set(chain: Chain, at: int) -> Edge | None:
    return Edge(" [an element]")


def _class(chain: Chain, at: int) -> Edge | None:
    to = chain[at + 1]
    further = chain[at + 2] if type(to) is dict and _follows(chain, at, 2) else None
    for name, value in list(safely.class_namespace(chain[at]).items()):
        if value is to or (further is not None and value is further):
            shown = safely.member(chain[at], name) if type(name) is str else safely.text(name)
            return Edge(f".{shown}", 1 if value is to else 2)
    return Edge(" (its classes)")


def _module(chain: Chain, at: int) -> Edge | None:
    if type(chain[at + 1]) is dict and _follows(chain, at, 2):
        return Edge(f".{_key(chain[at + 1], chain[at + 2])}", 2)
    return None


def _method(chain: Chain, at: int) -> Edge | None:
    return Edge("") if chain[at + 1] is chain[at].__self__ else Edge(".__func__")


def _lru(chain: Chain, at: int) -> Edge | None:
    """A cache refers to a dict of keys and results; what is in the keys are arguments."""
    attributes = safely.attributes(chain[at])
    takes = 1
    if type(chain[at + 1]) is dict and chain[at + 1] is not attributes and _follows(chain, at, 2):
        takes = 2
        if any(value is chain[at + 2] for value in dict.values(chain[at + 1])):
            return Edge(" cached result", 2)
    elif chain[at + 1] is attributes or any(value is chain[at + 1] for value in (attributes or {}).values()):
        return None
    while _follows(chain, at, takes + 1) and safely.is_a(chain[at + takes], tuple, list):
        takes += 1
    return Edge(" cached argument" if takes > 1 else " cached argument or result", takes)


def _suspended(chain: Chain, at: int) -> Edge | None:
    frame = next((frame for name in _FRAMES if (frame := getattr(chain[at], name, None)) is not None), None)
    # Up to Python 3.10 the frame, an object of its own, has the variables.
    further = int(chain[at + 1] is frame and _follows(chain, at, 2))
    found = _variable_of(frame, chain, at + further) or Edge(" what it waits for or works on")
    return Edge(found.how, found.takes + further)


def _frame(chain: Chain, at: int) -> Edge | None:
    return _variable_of(chain[at], chain, at) or Edge("")


def _variable_of(frame: FrameType | None, chain: Chain, at: int) -> Edge | None:
    name, takes = _local(frame, chain[at + 1]), 1
    if name is None and safely.is_a(chain[at + 1], CellType) and _follows(chain, at, 2):
        name, takes = _local(frame, chain[at + 2]), 2
    return Edge(f" local variable {name}", takes) if name is not None else None


def _local(frame: FrameType | None, wanted: Any) -> str | None:
    if frame is None:
        return None
    return next((name for name, key in frames.local_ids(frame) if key == id(wanted)), None)


def _exception(chain: Chain, at: int) -> Edge | None:
    takes = 1
    while _follows(chain, at, takes + 1) and safely.is_a(chain[at + takes], TracebackType):
        takes += 1
    if takes > 1:
        return Edge(" traceback", takes)
    for name in ("__cause__", "__context__", "args"):
        value = BaseException.__dict__[name].__get__(chain[at])
        if value is chain[at + 1]:
            return Edge(f".{name}")
    return None


def _context(chain: Chain, at: int) -> Edge | None:
    takes = 1
    while _follows(chain, at, takes + 1) and safely.type_name(type(chain[at + takes])) in _HAMT:
        takes += 1
    for variable, value in chain[at].items():
        if value is chain[at + takes]:
            return Edge(f" context variable {safely.text_name(variable.name)}", takes)
    return Edge(" context variable", takes)


def _reference(chain: Chain, at: int) -> Edge | None:
    return Edge(" callback") if chain[at + 1] is weakref.ref.__dict__["__callback__"].__get__(chain[at]) else None


def _instance(chain: Chain, at: int) -> Edge | None:
    holder, to = chain[at], chain[at + 1]
    for name, value in safely.slots(holder):
        if value is to:
            return Edge(f".{name}")
    attributes = safely.attributes(holder)
    if attributes is None:
        return None
    takes = 2 if to is attributes and _follows(chain, at, 2) else 1
    for name, value in list(attributes.items()):
        if value is chain[at + takes]:
            return Edge(f".{safely.attribute(holder, name) if type(name) is str else safely.text(name)}", takes)
    return None


_TABLE: tuple[tuple[tuple[type, ...], Callable[[Chain, int], Edge | None]], ...] = (
    ((FunctionType,), _function),
    ((MethodType, BuiltinFunctionType), _method),
    ((type(functools.lru_cache(lambda: None)),), _lru),
    (_SUSPENDED, _suspended),
    ((FrameType,), _frame),
    ((TracebackType, CellType), lambda chain, at: Edge("")),
    ((BaseException,), _exception),
    ((Context,), _context),
    ((weakref.ref,), _reference),
    ((type,), _class),
    ((ModuleType,), _module),
    ((dict,), _dict),
    ((list, tuple, deque), _sequence),
    ((set, frozenset), _set),
)
