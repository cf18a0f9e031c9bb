"""A census: every object that the garbage collector tracks, by type, and the bytes of arrays and frames.

Only on request: it blocks the interpreter, 0.2 s for every million objects, and 1 s
more where arrays are looked for. It has to. A list of all objects that another thread can see while
Bokeh destroys a session is an "extra unexpected referrer" to it, and its repr goes to the log. So each
pass is one call into C that never lets go of the interpreter's lock, and the list exists only inside
it: between two calls another thread may run. Arrays are not tracked by the collector; they are found
where tracked objects refer to them.
"""

from __future__ import annotations

import gc
import itertools
import operator
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

#: Tracked objects beyond which arrays are not looked for: a second's stall.
MOST = 1_000_000
#: Types beyond which the rest is one row; a program has some thousands.
ROWS = 5000


@dataclass(frozen=True)
class Census:
    """What was found, and for how long it blocked the interpreter."""

    #: ``time.time()``.
    time: float
    #: By the name of the type: how many, and their bytes where those are known.
    counts: Mapping[str, tuple[int, int | None]]
    objects: int
    #: Seconds, the longest in one piece.
    stall_seconds: float
    #: Why arrays and frames were not looked for; empty if they were.
    skipped: str

    def as_json(self, rows: int = 200) -> dict[str, Any]:
        """Return it as ``/debug/census`` answers: the largest rows by bytes and by count."""
        counts = self.counts
        by_count = sorted(counts, key=lambda name: -counts[name][0])[:rows]
        by_bytes = sorted((name for name in counts if counts[name][1]), key=lambda name: -(counts[name][1] or 0))[:rows]
        return {
            "time": self.time,
            "objects": self.objects,
            "stall_seconds": self.stall_seconds,
            "skipped": self.skipped,
            "types": {
                name: {"count": counts[name][0], "bytes": counts[name][1]}
                for name in dict.fromkeys(by_bytes + by_count)
            },
        }


def census() -> Census:
    """Count now. In any thread, but all of them wait."""
    collects = gc.isenabled()
    gc.disable()  # a collection in the middle may call finalizers, and these let others run
    try:
        return _census()
    finally:
        if collects:
            gc.enable()


def _census() -> Census:
    stalls = []
    start = time.perf_counter()
    found = list(map(type, _objects()))
    stalls.append(time.perf_counter() - start)
    types: Counter[type] = Counter(found)
    objects = sum(types.values())
    counts: dict[str, tuple[int, int | None]] = {}
    rest = 0
    for cls, count in types.most_common():
        name = _name(cls)
        if name in counts:
            counts[name] = (counts[name][0] + count, None)
        elif len(counts) < ROWS:
            counts[name] = (count, None)
        else:
            rest += count
    del found, types, cls
    if rest:
        counts["other"] = (rest, None)
    skipped = ""
    if objects > MOST:
        skipped = f"arrays were skipped: {objects} objects would block the app for over a second"
    else:
        for name, find in _sized():
            start = time.perf_counter()
            things = find()
            stalls.append(time.perf_counter() - start)
            counts[name] = _sizes(things)
            del things
    return Census(time.time(), counts, objects, max(stalls), skipped)


def _name(cls: type) -> str:
    module = cls.__module__ if isinstance(cls.__module__, str) else "?"
    if module.startswith("bokeh_app_"):  # one for each session, and its name is the session's own
        module = "app"
    return cls.__qualname__ if module == "builtins" else f"{module}.{cls.__qualname__}"


def _sized() -> Iterable[tuple[str, Callable[[], list[Any]]]]:
    """Yield what has a size of its own and how it is found, as far as the app has imported it. Subclasses are not."""
    frame = getattr(sys.modules.get("pandas"), "DataFrame", None)
    if isinstance(frame, type):
        yield "pandas.DataFrame", lambda: _once(_picked(frame, _objects))
    array = getattr(sys.modules.get("numpy"), "ndarray", None)
    if isinstance(array, type):
        yield "numpy.ndarray", lambda: _once(_picked(array, _referred))


def _objects(*generations: int | None) -> Iterator[Any]:
    """Iterate over tracked objects; the list of them is made by the first step and hidden in the iterator."""
    return itertools.chain.from_iterable(map(gc.get_objects, generations or (None,)))


def _referred(generation: int) -> Iterator[Any]:
    """Iterate over what tracked objects refer to, modules left out: their dictionaries are objects of their own.

    ``gc.get_referents`` of a module may give what is none of Python's business: of ``_asyncio`` in 3.12 freed
    objects on a free list, which a later use of it crashes on.
    """
    kept = _where(operator.is_not, ModuleType, _objects, generation)
    return itertools.chain.from_iterable(map(gc.get_referents, kept))


def _where(
    test: Callable[[Any, Any], bool], cls: type, things: Callable[[int], Iterator[Any]], generation: int
) -> Iterator[Any]:
    # isinstance() asks for __class__, which may be the app's own code, and with that lets others run. So the
    # objects and their types are two iterators in step: what they add themselves is at the end of the youngest.
    # Both go to their end: a list that is left over would hold the iterator that holds it.
    types = map(test, map(type, things(generation)), itertools.repeat(cls))
    both = itertools.zip_longest(things(generation), types)
    return map(operator.itemgetter(0), filter(operator.itemgetter(1), both))


def _picked(cls: type, things: Callable[[int], Iterator[Any]]) -> list[Any]:
    picked: list[Any] = []
    for generation in (2, 1, 0):
        picked += _where(operator.is_, cls, things, generation)
    return [each for each in picked if type(each) is cls]


def _once(found: list[Any]) -> list[Any]:
    return list({id(each): each for each in found}.values())


def _sizes(things: list[Any]) -> tuple[int, int | None]:
    """Return how many there are and their bytes; what is a view of another counts once."""
    seen: set[int] = set()
    total = 0
    for thing in things:
        for array in _buffers(thing):
            owner = array
            while getattr(owner, "base", None) is not None:
                owner = owner.base
            if id(owner) not in seen:
                seen.add(id(owner))
                size = getattr(owner, "nbytes", None)
                total += size if isinstance(size, int) else int(getattr(array, "nbytes", 0))
    return len(things), total


def _buffers(thing: Any) -> Iterable[Any]:
    manager = getattr(thing, "_mgr", None)
    if manager is None:
        return (thing,)
    try:
        return [block.values for block in manager.blocks]
    except Exception:  # pandas has changed: no bytes are better than wrong ones
        return ()
