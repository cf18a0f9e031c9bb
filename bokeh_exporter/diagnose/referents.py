"""Reading a slice of objects: where their references lead, as numbers, in single runs of C code."""

from __future__ import annotations

import gc
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice, repeat
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .safely import namespace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: A container with more elements is read in parts: its referents at once would be a stall.
_LARGE = 50_000
#: Seconds between two parts.
_REST = 0.0005
#: Never a module's referents: that of ``_asyncio`` shows dead objects of a free list (CPython 3.12), and what is only
#: looked at comes into that list twice, which then has no end.
_APART: tuple[type, ...] = (dict, list, tuple, set, frozenset, deque, ModuleType)


class Reader:
    """Reads objects in slices. Made after the list of objects, so that nothing in it refers to the mark."""

    def __init__(self, objects: list[Any], numbered: Callable[[NDArray[np.uint64]], NDArray[np.int64]]) -> None:
        self._objects, self._numbered = objects, numbered
        #: Ends the referents of one object in a stream of many.
        self._mark = (object(),)
        #: What types were found to be derived from, by ``id``.
        self._bases: dict[int, Any] = {}

    def read(self, begin: int) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
        """Read the objects from ``begin`` to the end.

        Returns:
            Where their edges lead, how many edges each has, and the reference count of each.
        """
        import numpy as np

        size = len(self._objects) - begin
        numbers = range(begin, begin + size)
        apart = self._apart(numbers)
        counts = np.fromiter(map(sys.getrefcount, map(self._objects.__getitem__, numbers)), np.int64, size) - _OWN
        leads, per = self._ends(self._whole(numbers if not apart else [each for each in numbers if each not in apart]))
        if apart:
            leads, per = self._together(numbers, apart, leads, per)
        return leads, per, counts

    def _together(
        self, numbers: range, apart: set[int], leads: NDArray[np.int32], per: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Put the edges of what is read apart between those of the others."""
        import numpy as np

        special = sorted(apart)
        each = [self._ends(self._parts(self._objects[number])) for number in special]
        is_apart = np.zeros(len(numbers), bool)
        is_apart[np.array(special) - numbers.start] = True
        every = np.empty(len(numbers), np.int64)
        every[~is_apart], every[is_apart] = per, [int(sizes[0]) for _, sizes in each]
        of_apart = np.repeat(is_apart, every)
        joined = np.empty(int(every.sum()), np.int32)
        joined[~of_apart], joined[of_apart] = leads, np.concatenate([ends for ends, _ in each])
        return joined, every

    def _whole(self, numbers: Iterable[int]) -> Iterator[NDArray[np.uint64]]:
        import numpy as np

        objects = map(self._objects.__getitem__, numbers)
        yield np.fromiter(map(id, chain.from_iterable(map(gc.get_referents, objects, repeat(self._mark)))), np.uint64)

    def _parts(self, container: Any) -> Iterator[NDArray[np.uint64]]:
        """Read a large container in parts. One that changes meanwhile is read as far as that goes."""
        import numpy as np

        base: Any = next(base for base in _APART if issubclass(type(container), base))
        if base is ModuleType:
            yield np.array([id(namespace(container)), id(self._mark[0])], np.uint64)
            return
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
            numbers = self._numbered(stream)
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

    def _apart(self, numbers: range) -> set[int]:
        """Return the numbers of containers that are too large to be read at once, and of modules."""
        import numpy as np

        kinds = np.fromiter(map(id, map(type, map(self._objects.__getitem__, numbers))), np.int64, len(numbers))
        apart: set[int] = set()
        for key in np.unique(kinds).tolist():
            places = np.flatnonzero(kinds == key) + numbers.start
            if key not in self._bases:
                # Not isinstance, which asks the object's __class__.
                kind = type(self._objects[int(places[0])])
                self._bases[key] = next((base for base in _APART if issubclass(kind, base)), None)
            base = self._bases[key]
            if base is None:
                continue
            if base is ModuleType:
                apart.update(places.tolist())
                continue
            try:  # not len, which may be the user's
                sizes = np.fromiter(map(base.__len__, map(self._objects.__getitem__, places.tolist())), np.int64)
            except TypeError:  # a type that is gone, and another in its place
                continue
            apart.update(places[sizes > _LARGE].tolist())
        return apart


def _own() -> int:
    # What a list, the slices' pipeline and the call itself add to a reference count.
    probe = [[]]  # type: ignore[var-annotated]
    return next(map(sys.getrefcount, map(probe.__getitem__, range(1))))


_OWN = _own()
