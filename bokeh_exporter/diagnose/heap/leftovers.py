"""What is in memory that nobody took a weak reference of in time: one look at all objects, by their class and state.

For a server that the exporter was attached to. As in :mod:`.picture`, the list of all objects is out of the collector's
sight and other threads get their turn; no object but those that are wanted is ever held by a line of Python.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from .interpreter import check
from .picture import SLICE, hidden, let_go, shorten


def leftovers(classes: Iterable[type], wanted: Callable[[Any], bool]) -> list[weakref.ref[Any]]:
    """Find the objects of some classes, and of classes derived from them, in a thread that is not an event loop's.

    Args:
        classes: whose objects are asked for.
        wanted: whether one is to be returned. It runs no code of the object's class.

    Raises:
        InterpreterError: the look has not been tested on this interpreter.
    """
    check()
    kinds = {id(kind) for kind in _derived(classes)}
    found: list[weakref.ref[Any]] = []
    objects = hidden()
    try:
        while objects:
            size = min(SLICE * 5, len(objects))
            # Types only: a name that refers to each object in turn might be seen to hold an app's module.
            types = map(id, map(type, islice(reversed(objects), size)))
            for place in [place for place, kind in enumerate(types) if kind in kinds]:
                if wanted(objects[-1 - place]):
                    found.append(weakref.ref(objects[-1 - place]))
            shorten(objects, size)
    finally:
        let_go(objects)
    return found


def _derived(classes: Iterable[type]) -> list[type]:
    found: dict[int, type] = {}
    waiting = list(classes)
    while waiting:
        kind = waiting.pop()
        if id(kind) not in found:
            found[id(kind)] = kind
            waiting.extend(type.__subclasses__(kind))
    return list(found.values())
