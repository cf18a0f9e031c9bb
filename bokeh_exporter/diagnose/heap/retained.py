"""How much a holder retains: what would be freed if it were emptied, whoever else refers to the holder itself.

One more search on the picture that is there already, from all roots, that stops at the holder: what only the holder
leads to is retained. Rejected: a full dominator tree, which says it of every object and costs minutes in Python.
Sizes are read in slices of C code like everything else. What the collector does not track (text, bytes, arrays) counts
if every reference to it comes from what is retained, so memory that arrays share counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import compress, islice
from typing import TYPE_CHECKING, Any

from ..containers.untracked import Sizer, UntrackedObjects
from .picture import SLICE, Heap, hidden, let_go, shorten
from .search import UNSEEN, above, spread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Things with references from elsewhere that are remembered before they are joined: 33 bytes each.
_OPEN = 1_000_000


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


class _Sum:
    def __init__(self, ids: NDArray[np.uint64]) -> None:
        self._ids, self._sizer = ids, Sizer()
        self._bytes = self._objects = self._arrays = 0
        #: The ``id`` of untracked tuples, dicts and arrays whose insides have been counted.
        self._followed: set[int] = set()
        #: What something else refers to, or seemed to: its other references may come later.
        self._open: list[UntrackedObjects] = []

    def add(self, objects: list[Any], ids: NDArray[np.uint64]) -> None:
        """Add those that are wanted of the last objects of a list."""
        import numpy as np

        places = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        wanted = self._ids[places] == ids
        if not wanted.any():
            return
        mask, size = wanted.tobytes(), len(ids)
        count, own, things = self._sizer.tracked(lambda: compress(islice(reversed(objects), size), mask))
        self._objects += count
        self._bytes += own
        for counts in self._sizer.untracked(things, self._followed):
            self._open.append(self._settled(counts))
        if sum(len(each.ids) for each in self._open) > _OPEN:
            self._join()

    def result(self) -> Retained:
        """Return the sums."""
        self._join()
        return Retained(self._objects, self._arrays, self._bytes)

    def _settled(self, counts: UntrackedObjects) -> UntrackedObjects:
        """Add what nothing else refers to, and return the others."""
        freed = counts.references <= counts.here
        self._bytes += int(counts.sizes[freed].sum())
        self._arrays += int(counts.arrays[freed].sum())
        return counts.of(~freed)

    def _join(self) -> None:
        import numpy as np

        if not self._open:
            return
        columns: Any = zip(*self._open, strict=True)
        joined = UntrackedObjects(*map(np.concatenate, columns))
        ids, first, inverse = np.unique(joined.ids, return_index=True, return_inverse=True)
        here = np.bincount(inverse, joined.here, len(ids)).astype(np.int64)
        self._open = [self._settled(joined.of(first)._replace(here=here))]


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
