"""A picture of every object that the garbage collector knows, as numbers: who refers to whom.

One pass of ``gc.get_referents`` in slices, each a single run of C code: a list of referents never lives
while another thread runs, or Bokeh would take it for an "extra unexpected referrer" of an app's
module. The one list of objects that must live that long is taken from the collector's eyes before
any other thread can run, and shrinks as the pass goes. What stays is arrays of numbers.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, repeat, tee
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Objects in a slice: 1 to 2 ms, after which other threads get their turn.
SLICE = 2_000
#: Seconds between two slices, so that the event loop need not wait for its turn until the interpreter takes it away.
_REST = 0.0005
#: A container with more elements is read in parts: its referents at once would be a stall.
_LARGE = 50_000
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
        by_number[self.order] = self.ids
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
        heap = Heap(ids[order], order.astype(np.int32), np.zeros(total + 1, np.int64), np.empty(0, np.int32),
                    np.zeros(total, np.int32))  # fmt: skip
        del ids, order
        parts: list[NDArray[np.int32]] = []
        found, reader = 0, _Reader(heap, objects)
        # From the end, so that what has been read can be let go.
        for begin in reversed(range(0, total, SLICE)):
            ends = reader.read(begin)
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


def _joined(parts: list[NDArray[np.int32]], total: int) -> NDArray[np.int32]:
    import numpy as np

    joined, begin = np.empty(total, np.int32), 0
    for index, part in enumerate(parts):
        joined[begin : begin + len(part)] = part
        begin += len(part)
        parts[index] = part[:0].copy()  # its memory goes as the joined one's is taken up
    return joined


_CONTAINERS: tuple[type, ...] = (dict, list, tuple, set, frozenset, deque)


class _Reader:
    """Reads objects in slices. Made after the list of objects, so that nothing in it refers to the mark."""

    def __init__(self, heap: Heap, objects: list[Any]) -> None:
        self._heap, self._objects = heap, objects
        #: Ends the referents of one object in a stream of many.
        self._mark = (object(),)
        #: What types were found to be derived from, by ``id``.
        self._bases: dict[int, Any] = {}

    def read(self, begin: int) -> NDArray[np.int32]:
        """Read the objects from ``begin`` to the end; return where their edges lead, and note their numbers."""
        import numpy as np

        heap, size = self._heap, len(self._objects) - begin
        numbers = range(begin, begin + size)
        large = self._large(numbers)
        counts = np.fromiter(map(sys.getrefcount, map(self._objects.__getitem__, numbers)), np.int64, size) - _OWN
        heap.counts[begin : begin + size] = np.minimum(counts, 2**30)
        if not large:
            leads, per = self._ends(self._whole(numbers))
        else:
            each = [self._ends(self._parts(number) if number in large else self._whole((number,)))
                    for number in numbers]  # fmt: skip
            leads, per = np.concatenate([one[0] for one in each]), np.concatenate([one[1] for one in each])
        heap.first[begin + 1 : begin + size + 1] = per
        return leads

    def _whole(self, numbers: Iterable[int]) -> Iterator[NDArray[np.uint64]]:
        import numpy as np

        objects = map(self._objects.__getitem__, numbers)
        yield np.fromiter(map(id, chain.from_iterable(map(gc.get_referents, objects, repeat(self._mark)))), np.uint64)

    def _parts(self, number: int) -> Iterator[NDArray[np.uint64]]:
        """Read a large container in parts. One that changes meanwhile is read as far as that goes."""
        import numpy as np

        container = self._objects[number]
        base: Any = next(base for base in _CONTAINERS if issubclass(type(container), base))
        for stream in (base.__iter__(container), *([iter(dict.values(container))] if base is dict else [])):
            part = np.empty(1, np.uint64)
            while len(part):
                try:
                    part = np.fromiter(map(id, islice(stream, _LARGE)), np.uint64)
                except RuntimeError:
                    break
                yield part
                time.sleep(_REST)
        yield np.fromiter(map(id, self._mark), np.uint64)

    def _ends(self, streams: Iterator[NDArray[np.uint64]]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return where the edges in streams of ids lead, and how many each object has, as the marks say."""
        import numpy as np

        leads, per, open_edges = [], [], 0
        for stream in streams:
            numbers = _numbers(self._heap, stream)
            marks = stream == id(self._mark[0])
            known = (numbers >= 0) & ~marks
            leads.append(numbers[known].astype(np.int32))
            if marks.any():
                sizes = np.diff(np.cumsum(known)[marks], prepend=0)
                sizes[0] += open_edges
                per.append(sizes)
            else:
                open_edges += int(known.sum())
        return np.concatenate(leads), np.concatenate(per)

    def _large(self, numbers: range) -> set[int]:
        """Return the numbers of containers that are too large to be read at once."""
        import numpy as np

        kinds = np.fromiter(map(id, map(type, map(self._objects.__getitem__, numbers))), np.int64, len(numbers))
        large: set[int] = set()
        for key in np.unique(kinds).tolist():
            places = np.flatnonzero(kinds == key) + numbers.start
            if key not in self._bases:
                # Not isinstance, which asks the object's __class__.
                kind = type(self._objects[int(places[0])])
                self._bases[key] = next((base for base in _CONTAINERS if issubclass(kind, base)), None)
            base = self._bases[key]
            if base is None:
                continue
            try:  # not len, which may be the user's
                sizes = np.fromiter(map(base.__len__, map(self._objects.__getitem__, places.tolist())), np.int64)
            except TypeError:  # a type that is gone, and another in its place
                continue
            large.update(places[sizes > _LARGE].tolist())
        return large


def _own() -> int:
    # What a list, the slices' pipeline and the call itself add to a reference count.
    probe = [[]]  # type: ignore[var-annotated]
    return next(map(sys.getrefcount, map(probe.__getitem__, range(1))))


_OWN = _own()


def _check(left: float | None, objects: int, references: int) -> None:
    if left is not None and left < AT_LEAST + objects * PER_OBJECT + references * PER_REFERENCE:
        raise NoRoomError(_refusal(left, objects, references))


def _refusal(left: float, objects: int, references: int) -> str:
    needs = (AT_LEAST + objects * PER_OBJECT + max(references, objects * _REFERENCES) * PER_REFERENCE) / 2**20
    return (
        f"a search for who holds what needs {needs:.0f} MB for {objects:,} objects, and only {left / 2**20:.0f} MB "
        "are left: raise the memory limit, or ask while less is in use"
    )
