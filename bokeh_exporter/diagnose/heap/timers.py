"""What hangs on the timers and callbacks of an event loop, looked for on the live objects.

A timer that calls every half a second is another object each time, and so is what leads from it to
the function. A picture that takes a second to take knows neither. So when something is held and no root is found, the
timers and callbacks that are due now are followed until they reach what the picture does know.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Container, Iterable, Iterator
from itertools import chain, compress, repeat
from types import ModuleType
from typing import Any

from . import safe_reads as safely
from .atomic_reads import unseen

#: Objects that are looked at for each loop, and how far from its timers.
_OBJECTS, _DEPTH = 20_000, 20
#: Timers and callbacks that are looked at.
_DUE = 2_000


def due(loop: Any, targets: Container[int], hints: Container[int]) -> dict[int, list[Any]]:
    """Return the chains from a loop to targets, by their ``id``.

    What is on a chain is held until it is dropped.

    Args:
        loop: an event loop.
        targets: by ``id``.
        hints: the ``id`` of what leads to them by the picture: followed first.
    """
    found: dict[int, list[Any]] = {}
    seen: set[int] = set()
    chains = deque(_handles(loop))
    while chains and len(seen) < _OBJECTS:
        chain = chains.popleft()
        for child in _children(chain[-1]):
            key = id(child)
            if key in seen:
                continue
            seen.add(key)
            if key in targets:
                found[key] = [*chain, child]
            if len(chain) >= _DEPTH:
                continue
            if key in hints:
                chains.appendleft([*chain, child])
            else:
                chains.append([*chain, child])
    return found


def _handles(loop: Any) -> Iterator[list[Any]]:
    stored = safely.attributes(loop) or {}
    for name in ("_scheduled", "_ready"):
        queue: Any = stored.get(name)
        if safely.is_a(queue, list, deque):
            for _ in range(3):
                try:
                    handles = list(itertools.islice(queue, _DUE))
                    break
                except RuntimeError:  # it changed meanwhile
                    continue
            else:
                continue
            yield from ([loop, stored, queue, handle] for handle in handles)


def _children(thing: Any) -> Iterable[Any]:
    # No namespace: its referents hold modules, and it leads to everything.
    if safely.is_a(thing, type, ModuleType) or (type(thing) is dict and "__builtins__" in thing):
        return ()
    kinds = unseen(list, map(type, safely.referents(thing)))
    followed = [not issubclass(kind, (type, ModuleType)) for kind in kinds]
    return unseen(list, compress(safely.referents(thing), chain(followed, repeat(False))))
