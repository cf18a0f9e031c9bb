"""How much a holder retains: what would be freed if it were emptied, whoever else refers to the holder itself.

One more search on the picture that is there already, from all roots, that stops at the holder: what only the holder
leads to is retained. Rejected: a full dominator tree, which says it of every object and costs minutes in Python.
Sizes are read in slices of C code like everything else. What the collector does not track (text, bytes, arrays) counts
if every reference to it comes from what is retained, so memory that arrays share counts once.
"""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, compress, filterfalse, islice
from types import MethodDescriptorType, ModuleType
from typing import TYPE_CHECKING, Any

from . import safe_reads as safely
from .arrays import elements, is_array
from .atomic_reads import unseen
from .picture import SLICE, Heap, hidden, let_go, shorten
from .search import UNSEEN, above, spread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: How deep untracked tuples and dicts are followed: the collector leaves alone those that hold text and numbers only.
_DEPTH = 8
#: Columns and tables whose memory is not Python's; ``nbytes`` of these is C code. polars offers no such number.
_FRAMES = {("pyarrow.lib", name) for name in ("ChunkedArray", "Table", "RecordBatch")}


@dataclass(frozen=True)
class Retained:
    """What a holder retains: objects that the collector tracks, the arrays among the others, and the bytes of all."""

    objects: int = 0
    arrays: int = 0
    bytes: int = 0


def only_by(heap: Heap, roots: Iterable[int], holder: int) -> NDArray[np.int64]:
    """Return the numbers of the objects that nothing but a holder leads to, without the holder itself.

    Args:
        heap: the picture.
        roots: by ``id``.
        holder: its ``id``.
    """
    import numpy as np

    (number,) = heap.numbers([holder]).tolist()
    if number < 0:
        return np.empty(0, np.int64)
    parents = np.full(len(heap), UNSEEN, np.int32)
    parents[number] = number
    begins = heap.numbers(list(roots))
    begins = np.unique(begins[(begins >= 0) & (begins != number)]).astype(np.int64)
    parents[begins] = begins
    spread(heap, parents, begins)
    others = parents != UNSEEN
    spread(heap, parents, np.array([number], np.int64))
    return np.flatnonzero((parents != UNSEEN) & ~others)


def sizes(heap: Heap, groups: Mapping[int, NDArray[np.int64]]) -> dict[int, Retained]:
    """Return the sizes of groups of objects, in one pass over all objects."""
    import numpy as np

    sums = {key: _Sum(heap.ids[numbers]) for key, numbers in groups.items() if len(numbers)}
    objects = hidden() if sums else []
    try:
        while objects:
            size = min(SLICE, len(objects))
            ids = np.fromiter(map(id, islice(reversed(objects), size)), np.uint64, size)
            for each in sums.values():
                each.add(objects, ids)
            shorten(objects, size)
    finally:
        let_go(objects)
    return {key: sums[key].result() if key in sums else Retained() for key in groups}


class Sizer:
    """Says how large things are, without the user's code."""

    def __init__(self) -> None:
        self._plain: dict[int, bool] = {}

    def size(self, thing: Any) -> int:
        """Return the bytes of a thing, an array's or a table's own memory with it."""
        kind = type(thing)
        if is_array(thing) and thing.base is not None and not safely.is_a(thing.base, *_BASES, kind):
            return int(sys.getsizeof(thing) + thing.nbytes)  # memory of C's, a file or a shared block
        if (safely.type_module(kind), safely.type_name(kind)) in _FRAMES:
            return int(thing.nbytes)
        return sys.getsizeof(thing) if self.by_c(kind) else kind.__basicsize__

    def by_c(self, kind: type) -> bool:
        """Whether C code says the size of a type's instances: ``__sizeof__`` in Python is the user's."""
        known = self._plain.get(id(kind))
        if known is None:
            known = type(safely.attribute_of_class(kind, "__sizeof__")) is MethodDescriptorType
            self._plain[id(kind)] = known
        return known


class _Sum:
    def __init__(self, ids: NDArray[np.uint64]) -> None:
        self._ids, self._sizer = ids, Sizer()
        self._bytes = self._objects = 0
        # Of what the collector does not track, by ``id``: references that are not from here, bytes, which are arrays.
        # Numbers, for millions of objects of ours would make the collector run, and that is a stall.
        self._left: dict[int, int] = {}
        self._sizes: dict[int, int] = {}
        self._arrays: set[int] = set()

    def add(self, objects: list[Any], ids: NDArray[np.uint64]) -> None:
        """Add those that are wanted of the last objects of a list."""
        import numpy as np

        places = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        wanted = self._ids[places] == ids
        if not wanted.any():
            return
        mask = wanted.tobytes()
        kinds = unseen(list, map(type, compress(islice(reversed(objects), len(ids)), mask)))
        plain = bytes(map(self._sizer.by_c, kinds))
        followed = bytes(not issubclass(kind, ModuleType) for kind in kinds)  # never a module's, see referents
        self._objects += len(kinds)
        each = compress(islice(reversed(objects), len(ids)), mask)
        self._bytes += unseen(sum, map(sys.getsizeof, compress(each, plain)))
        self._bytes += sum(kind.__basicsize__ for kind in compress(kinds, (not own for own in plain)))
        each = compress(islice(reversed(objects), len(ids)), mask)
        referents = chain.from_iterable(map(gc.get_referents, compress(each, followed)))
        self._follow(unseen(list, filterfalse(gc.is_tracked, referents)), 0)

    def result(self) -> Retained:
        """Return the sums."""
        arrays = sum(self._left[key] <= 0 for key in self._arrays)
        freed = sum(size for key, size in self._sizes.items() if self._left[key] <= 0)
        return Retained(self._objects, arrays, self._bytes + freed)

    def _follow(self, things: list[Any], depth: int) -> None:
        """Add untracked things, each as often as something refers to it."""
        ids = list(map(id, things))
        each = dict(zip(ids, things, strict=True))
        things.clear()  # each is referred to once from here now
        counts = dict(zip(each, map(sys.getrefcount, each.values()), strict=True))
        further: list[Any] = []
        for key, number in Counter(ids).items():
            if key not in self._left:
                thing = each[key]
                self._left[key], self._sizes[key] = counts[key] - OWN, self._sizer.size(thing)
                if is_array(thing):
                    self._arrays.add(key)
                if depth < _DEPTH:
                    further.extend(within(thing))
            self._left[key] -= number
        if further:
            del thing
            each.clear()
            self._follow(further, depth + 1)


_BASES: tuple[type, ...] = (bytes, bytearray)


def within(thing: Any) -> Iterator[Any]:
    """Yield the untracked things that an untracked one refers to."""
    if is_array(thing):
        if thing.base is not None:
            yield thing.base
        elif thing.dtype.hasobject:
            yield from filterfalse(gc.is_tracked, elements(thing))
    elif type(thing) in (tuple, dict):
        yield from filterfalse(gc.is_tracked, gc.get_referents(thing))


def _own() -> int:
    # What a dict's value and the call itself add to a reference count.
    return next(map(sys.getrefcount, {0: object()}.values()))


OWN = _own()


def starts(heap: Heap, roots: Iterable[int]) -> list[int]:
    """Return where the living begins: the roots, and what somebody holds whom the collector does not see."""
    import numpy as np

    begins = list(roots)
    parents = np.full(len(heap), UNSEEN, np.int32)
    first = heap.numbers(begins)
    first = np.unique(first[first >= 0]).astype(np.int64)
    parents[first] = first
    spread(heap, parents, first)
    unreached = heap.ids_of(np.flatnonzero(parents == UNSEEN).tolist())
    return begins + [key for key, held in above(heap, unreached).items() if held]
