"""A picture of every object that the garbage collector knows, as numbers: who refers to whom.

One pass of ``gc.get_referents`` in slices, each a single run of C code: a list of referents never lives
while another thread runs, or Bokeh would take it for an "extra unexpected referrer" of an app's
module. The one list of objects that must live that long is taken from the collector's eyes before
any other thread can run, and shrinks as the pass goes. What stays is arrays of numbers.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import tee
from typing import TYPE_CHECKING, Any

from .referents import Reader

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Objects in a slice: 1 to 2 ms, after which other threads get their turn.
SLICE = 2_000
#: Seconds between two slices, so that the event loop need not wait for its turn until the interpreter takes it away.
_REST = 0.0005
#: Numbers that are moved about in one go: a millisecond or two, with the interpreter lock held.
_GATHER = 100_000
#: Bytes per object and per reference at the peak, and for the rest; see ``benchmarks/explain.py``.
PER_OBJECT, PER_REFERENCE, AT_LEAST = 64, 6, 16 * 2**20
#: References per object in a heap of Bokeh and Panel are about 4.
_REFERENCES = 6


class NoRoomError(MemoryError):
    """The process has no room for a search; one line that says how much it needs."""


@dataclass
class Heap:
    """Objects are numbered 0 to n - 1; edges are in the order of where they start.

    Attributes:
        ids: of each object, in ascending order; with ``order``, that is which object it is.
        first: where the edges of each object begin; one more than objects.
        ends: where each edge leads.
        counts: the reference count of each object, without the search's own references.
    """

    ids: NDArray[np.uint64]
    order: NDArray[np.int32]
    first: NDArray[np.int64]
    ends: NDArray[np.int32]
    counts: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.counts)

    def numbers(self, ids: Iterable[int]) -> NDArray[np.int64]:
        """Return the numbers of objects by their ``id``, -1 for those that are not there."""
        import numpy as np

        return _numbers(self, np.fromiter(ids, np.uint64))

    def ids_of(self, numbers: Iterable[int]) -> list[int]:
        """Return the ids of objects by their numbers."""
        import numpy as np

        by_number = np.empty(len(self), np.uint64)
        for begin in range(0, len(self), _GATHER):
            by_number[self.order[begin : begin + _GATHER]] = self.ids[begin : begin + _GATHER]
            time.sleep(_REST)
        return [int(by_number[number]) for number in numbers]


def _numbers(heap: Heap, ids: NDArray[np.uint64]) -> NDArray[np.int64]:
    import numpy as np

    if not len(heap.ids):
        return np.full(len(ids), -1, np.int64)
    places = np.searchsorted(heap.ids, ids)
    np.minimum(places, len(heap.ids) - 1, out=places)
    numbers = heap.order[places].astype(np.int64)
    numbers[heap.ids[places] != ids] = -1
    return numbers


def hidden() -> list[Any]:
    """Return all objects that the collector tracks, in a list that it does not."""
    untrack = ctypes.pythonapi["PyObject_GC_UnTrack"]
    untrack.argtypes, untrack.restype = [ctypes.py_object], None
    # All in the one call of deque: between two lines of Python another thread might run and see the list.
    made, again = tee(map(gc.get_objects, (None,)))
    deque(map(untrack, made), maxlen=0)
    return next(again)


def find(key: int) -> Any:
    """Return the object that has this ``id``.

    Raises:
        LookupError: there is none.
    """
    objects = hidden()
    try:
        for begin in range(0, len(objects), SLICE * 5):
            ids = _ids(objects, begin, min(begin + SLICE * 5, len(objects)))
            found = (ids == key).nonzero()[0]
            if len(found):
                return objects[begin + int(found[0])]
            time.sleep(_REST)
    finally:
        objects.clear()
    raise LookupError("the object has gone")


def _ids(objects: list[Any], begin: int, end: int) -> NDArray[np.uint64]:
    import numpy as np

    return np.fromiter(map(id, map(objects.__getitem__, range(begin, end))), np.uint64, end - begin)


def picture(room: Callable[[], float | None] = lambda: None) -> Heap:
    """Take the picture, in a thread that is not an event loop's.

    Args:
        room: how many bytes the process may still take, None if nobody knows.

    Raises:
        NoRoomError: there is not enough; nothing is held any more.
    """
    import numpy as np

    _check(room(), sys.getallocatedblocks() // 2, 0)
    objects = hidden()
    try:
        total = len(objects)
        left = room()
        _check(left, total, total * _REFERENCES)
        most = float("inf") if left is None else (left - AT_LEAST - total * PER_OBJECT) / PER_REFERENCE
        ids = np.empty(total, np.uint64)
        for begin in range(0, total, SLICE * 5):
            end = min(begin + SLICE * 5, total)
            ids[begin:end] = _ids(objects, begin, end)
            time.sleep(_REST)
        order = np.argsort(ids)
        heap = Heap(_gathered(ids, order), order.astype(np.int32), np.zeros(total + 1, np.int64), np.empty(0, np.int32),
                    np.zeros(total, np.int32))  # fmt: skip
        del ids, order
        parts: list[NDArray[np.int32]] = []
        found, reader = 0, Reader(objects, functools.partial(_numbers, heap))
        # From the end, so that what has been read can be let go.
        for begin in reversed(range(0, total, SLICE)):
            ends, per, counts = reader.read(begin)
            heap.first[begin + 1 : begin + 1 + len(per)] = per
            heap.counts[begin : begin + len(per)] = np.minimum(counts, 2**30)
            parts.append(ends)
            found += len(ends)
            if found > most:
                raise NoRoomError(_refusal(left or 0, total, found))
            del objects[begin:]
            time.sleep(_REST)
    finally:
        objects.clear()
    parts.reverse()
    heap.ends = _joined(parts, found)
    np.cumsum(heap.first, out=heap.first)
    return heap


def _gathered(ids: NDArray[np.uint64], order: NDArray[np.int64]) -> NDArray[np.uint64]:
    import numpy as np

    gathered = np.empty(len(ids), np.uint64)
    for begin in range(0, len(ids), _GATHER):
        gathered[begin : begin + _GATHER] = ids[order[begin : begin + _GATHER]]
        time.sleep(_REST)
    return gathered


def _joined(parts: list[NDArray[np.int32]], total: int) -> NDArray[np.int32]:
    import numpy as np

    joined, begin = np.empty(total, np.int32), 0
    for index, part in enumerate(parts):
        joined[begin : begin + len(part)] = part
        begin += len(part)
        parts[index] = part[:0].copy()  # its memory goes as the joined one's is taken up
    return joined


def _check(left: float | None, objects: int, references: int) -> None:
    if left is not None and left < AT_LEAST + objects * PER_OBJECT + references * PER_REFERENCE:
        raise NoRoomError(_refusal(left, objects, references))


def _refusal(left: float, objects: int, references: int) -> str:
    needs = (AT_LEAST + objects * PER_OBJECT + max(references, objects * _REFERENCES) * PER_REFERENCE) / 2**20
    return (
        f"a search for who holds what needs {needs:.0f} MB for {objects:,} objects, and only {left / 2**20:.0f} MB "
        "are left: raise the memory limit, or ask while less is in use"
    )
