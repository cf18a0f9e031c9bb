"""What is looked for, and which of it hangs on the same holder.

A model that a retained Document holds is nothing to look for by itself, nor is a figure that holds a retained
Document: they are counted with it. Of the others those belong together that one object refers to by different keys.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

from .interpreter import check
from .picture import SLICE, hidden, let_go, shorten
from .search import Way

TargetKind = Literal["document", "session", "live_session", "model"]
#: What is reported first, if one holds the other: a model is rarely what one looks for.
FIRST: dict[TargetKind, int] = {"live_session": 0, "session": 1, "document": 2, "model": 3}


@dataclass(frozen=True)
class Target:
    """Something that somebody holds.

    Attributes:
        destroyed: ``time.monotonic()`` at which its session had been destroyed; when it began, of a live one.
        cls: the bare name of its class.
        note: what else is to be said of it, such as whose ``destroy`` raised.
    """

    app: str
    kind: TargetKind
    reference: weakref.ref[Any]
    destroyed: float
    cls: str
    note: str = ""
    #: Whether its session had been destroyed before the exporter was there.
    before: bool = False


@dataclass
class Group:
    """Targets that hang on the same holder, those with the shortest way first, and what hangs on them in turn."""

    heads: list[int]
    others: list[int] = field(default_factory=list)
    #: The ``id`` of what refers to all of them by different keys, None if they are one.
    holder: int | None = None


def groups(keyed: dict[int, Target], found: dict[int, Way]) -> list[Group]:
    """Group targets, by their ``id``, by the ways to them."""
    heads = _heads(keyed, found)
    leading = {key: way for key, way in found.items() if _head(heads, key) == key}
    fans = _fans(leading.values())
    made: dict[tuple[Any, ...], Group] = defaultdict(lambda: Group([]))
    of: dict[int, Group] = {}
    for key, way in sorted(leading.items(), key=lambda item: (len(item[1].ids), keyed[item[0]].destroyed)):
        holder = max(way.ids[1:-1], key=lambda each: fans.get(each, 0), default=None)
        target = keyed[key]
        of[key] = made[target.app, target.kind, target.note, holder, way.ids[0]]
        of[key].holder = holder if holder in fans else None
        of[key].heads.append(key)
    for key in found.keys() - leading.keys():
        group = of.get(_head(heads, key))
        if group is not None:
            group.others.append(key)
    return list(made.values())


def _heads(keyed: dict[int, Target], found: dict[int, Way]) -> dict[int, int]:
    """Return with which other target one is counted."""
    heads: dict[int, int] = {}
    for key, way in found.items():
        others = [each for each in way.ids[:-1] if each in keyed]
        ranked = [each for each in others if FIRST[keyed[each].kind] < FIRST["model"]]
        if ranked:
            heads[key] = ranked[0]
        elif keyed[key].kind == "model":
            heads.update({key: others[0]} if others else {})
        else:
            heads.update(dict.fromkeys(others, key))
    return heads


def _head(heads: dict[int, int], key: int) -> int:
    for _ in range(len(heads)):
        if key not in heads:
            break
        key = heads[key]
    return key


def _fans(found: Iterable[Way]) -> dict[int, int]:
    """Count how many ways lead on from each object."""
    nexts: dict[int, set[int]] = defaultdict(set)
    for way in found:
        for here, there in zip(way.ids[1:], way.ids[2:], strict=False):
            nexts[here].add(there)
    return {here: len(there) for here, there in nexts.items() if len(there) > 1}


def leftovers(classes: Iterable[type], wanted: Callable[[Any], bool]) -> list[weakref.ref[Any]]:
    """Find the objects of some classes, and of classes derived from them, in a thread that is not an event loop's.

    What nobody took a weak reference of in time, in a server that the exporter was attached to. As in :mod:`.picture`,
    the list of all objects is out of the collector's sight and other threads get their turn.

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
