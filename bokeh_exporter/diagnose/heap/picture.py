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
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from itertools import islice, tee
from typing import TYPE_CHECKING, Any

from .arrays import arrays
from .atomic_reads import unseen
from .referents import Reader

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Objects in a slice: 2 to 4 ms, after which other threads get their turn.
SLICE = 5_000
#: Seconds between two slices, so that the event loop need not wait for its turn until the interpreter takes it away.
_REST = 0.0005
#: Bytes per object and per reference at the peak, and for the rest; see ``benchmarks/explain.py``.
PER_OBJECT, PER_REFERENCE, AT_LEAST = 64, 6, 32 * 2**20
#: References per object in a heap of Bokeh and Panel are about 4.
_REFERENCES = 6


class NoRoomError(MemoryError):
    """The process has no room for a search; one line that says how much it needs."""


@dataclass
class Heap:
    """Objects are numbered 0 to n - 1 in the order of their ids; the edges are in rows, in the order they were read.

    Attributes:
        ids: of each object, in ascending order.
        rows: which row the edges of each object are in.
        first: where each row begins; one more than rows.
        ends: where each edge leads.
        counts: the reference count of each object, without the search's own references.
    """

    ids: NDArray[np.uint64]
    rows: NDArray[np.int32]
    first: NDArray[np.int64]
    ends: NDArray[np.int32]
    counts: NDArray[np.int32]
    #: The ``id`` of contexts of context variables.
    contexts: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def numbers(self, ids: Collection[int]) -> NDArray[np.int32]:
        """Return the numbers of objects by their ``id``, -1 for those that are not there."""
        import numpy as np

        return _numbers(self.ids, np.fromiter(ids, np.uint64, len(ids)))

    def ids_of(self, numbers: Collection[int]) -> list[int]:
        """Return the ids of objects by their numbers."""
        import numpy as np

        found: list[int] = self.ids[np.fromiter(numbers, np.int64, len(numbers))].tolist()
        return found


def _numbers(known: NDArray[np.uint64], ids: NDArray[np.uint64]) -> NDArray[np.int32]:
    import numpy as np

    if not len(known):
        return np.full(len(ids), -1, np.int32)
    # In order, so that one look-up is near the last. All of it lets the interpreter lock go.
    order = np.argsort(ids)
    ids = np.take(ids, order)
    places = np.searchsorted(known, ids)
    np.minimum(places, len(known) - 1, out=places)
    places[np.take(known, places) != ids] = -1
    numbers = np.empty(len(ids), np.int32)
    numbers[order] = places
    return numbers


def hidden() -> list[Any]:
    """Return all objects that the collector tracks, in a list that it does not."""
    untrack = ctypes.pythonapi["PyObject_GC_UnTrack"]
    untrack.argtypes, untrack.restype = [ctypes.py_object], None
    # All in the one call of deque: between two lines of Python another thread might run and see the list.
    made, again = tee(map(gc.get_objects, (None,)))
    unseen(deque(maxlen=0).extend, map(untrack, made))
    return next(again)


def find(keys: Iterable[int]) -> dict[int, Any]:
    """Return the objects that have these ``id``, as far as they are there."""
    import numpy as np

    wanted, found = np.array(sorted(keys), np.uint64), dict[int, Any]()
    objects = hidden()
    try:
        while objects and len(found) < len(wanted):
            size = min(SLICE * 5, len(objects))
            ids = np.fromiter(map(id, islice(reversed(objects), size)), np.uint64, size)
            for place in np.flatnonzero(_numbers(wanted, ids) >= 0).tolist():
                found[int(ids[place])] = objects[-1 - place]
            shorten(objects, size)
    finally:
        let_go(objects)
    return found


def shorten(objects: list[Any], size: int) -> None:
    """Drop the last objects of a list, and let other threads run."""
    del objects[-size:]
    time.sleep(_REST)


def let_go(objects: list[Any]) -> None:
    """Drop a list of all objects in parts."""
    # Not at once: millions of references are a stall.
    while objects:
        shorten(objects, SLICE * 5)


def picture(room: Callable[[], float | None] = lambda: None, *, with_arrays: bool = False) -> Heap:
    """Take the picture, in a thread that is not an event loop's.

    Args:
        room: how many bytes the process may still take, None if nobody knows.
        with_arrays: whether NumPy's arrays of objects are to be in it, which takes twice as long.

    Raises:
        NoRoomError: there is not enough; nothing is held any more.
    """
    import numpy as np

    _check(room(), sys.getallocatedblocks() // 2, 0)
    objects = hidden()
    try:
        if with_arrays:
            objects += arrays(objects)
        total = len(objects)
        left = room()
        _check(left, total, total * _REFERENCES)
        most = float("inf") if left is None else (left - AT_LEAST - total * PER_OBJECT) / PER_REFERENCE
        ids, rows = _sorted(_all_ids(objects))
        reader = Reader(objects, functools.partial(_numbers, ids), tracked=not with_arrays)
        counts = np.zeros(total, np.int32)
        while objects:
            done = total - len(objects)
            read = np.minimum(reader.read(min(SLICE, len(objects))), 2**30)
            counts[done : done + len(read)] = read
            if reader.found > most:
                raise NoRoomError(_refusal(left or 0, total, reader.found))
            shorten(objects, len(read))
    finally:
        let_go(objects)
    reader.resolve()
    counts = np.take(counts, rows)
    sizes = np.concatenate([*reader.sizes, np.array(reader.apart_sizes, np.int32)])
    heap = Heap(ids, rows, _sums(sizes), np.empty(0, np.int32), counts, reader.contexts)
    apart = heap.numbers(reader.apart)
    heap.rows[apart] = np.arange(total, len(sizes))
    parts = reader.ends + reader.apart_ends
    reader.ends, reader.apart_ends = [], []
    heap.ends = _joined(parts, reader.found)
    return heap


def _all_ids(objects: list[Any]) -> NDArray[np.uint64]:
    """Return the ids of objects, the last first: that is how they are read."""
    import numpy as np

    ids, each = np.empty(len(objects), np.uint64), reversed(objects)
    for begin in range(0, len(ids), SLICE * 5):
        end = min(begin + SLICE * 5, len(ids))
        ids[begin:end] = np.fromiter(map(id, islice(each, end - begin)), np.uint64, end - begin)
        time.sleep(_REST)
    return ids


def _sorted(ids: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    import numpy as np

    order = np.argsort(ids)
    return np.take(ids, order), order.astype(np.int32)


def _sums(sizes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return where each row begins. In parts, for a sum over all holds the interpreter lock all the time."""
    import numpy as np

    first, part = np.zeros(len(sizes) + 1, np.int64), SLICE * 50
    for begin in range(0, len(sizes), part):
        end = min(begin + part, len(sizes))
        first[begin + 1 : end + 1] = np.cumsum(sizes[begin:end], dtype=np.int64) + first[begin]
        time.sleep(_REST)
    return first


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
