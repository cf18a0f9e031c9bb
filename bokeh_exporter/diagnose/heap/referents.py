"""Reading a slice of objects: where their references lead, as numbers, in single runs of C code."""

from __future__ import annotations

import functools
import gc
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import Context
from itertools import chain, compress, islice, repeat, starmap
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .arrays import elements, is_array
from .atomic_reads import unseen
from .safe_reads import namespace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: A container with more elements is read in parts: its referents at once would be a stall.
_LARGE = 50_000
#: References that are read in one go, whatever the number of objects: 5 to 8 ms with the interpreter lock held.
_AT_ONCE = 100_000
#: References of an object that is no container, for that.
_FEW = 8
#: References that are resolved at once, without the interpreter lock: a few milliseconds and a few MB.
_BATCH = 250_000
#: Seconds between two parts.
_REST = 0.0005
#: Never a module's referents: that of ``_asyncio`` shows dead objects of a free list (CPython 3.12), and what is only
#: looked at comes into that list twice, which then has no end.
_APART: tuple[type, ...] = (ModuleType, dict, list, tuple, set, frozenset, deque)
_MODULE, _NEW, _PLAIN, _ARRAY, _CONTEXT = 0, -1, -2, -3, -4

Numbered = Callable[["NDArray[np.uint64]"], "NDArray[np.int32]"]


class Reader:
    """Reads a list of objects from its end. Made after the list, so that nothing in it refers to the mark.

    Args:
        objects: the list; whoever reads shortens it.
        numbered: returns the numbers of objects by their ``id``, -1 for those that are not there.
        tracked: whether all in the list is tracked by the collector.

    Attributes:
        sizes: how many edges each object has, in the order read; those read apart seem to have none.
        ends: where the edges lead.
        apart: the ``id`` of those read apart, whose edges are in the order of ``apart_sizes`` and ``apart_ends``.
    """

    def __init__(self, objects: list[Any], numbered: Numbered, tracked: bool) -> None:
        self._objects, self._numbered = objects, numbered
        self._tracked = tracked
        # Ends the referents of one object in a stream of many. A list, since the collector tracks it.
        self._mark: list[Any] = []
        self._marks = (self._mark,)
        #: By the ``id`` of a type, which of those above it is derived from.
        self._kinds: dict[int, int] = {}
        #: The ``id`` of contexts of context variables: every timer and task has one, with the current document in it.
        self.contexts: list[int] = []
        #: What has been read and not resolved: ids, and which objects of the slices they are the edges of.
        self._raw: list[NDArray[np.uint64]] = []
        self._whole: list[NDArray[np.bool_]] = []
        self.sizes: list[NDArray[np.int32]] = []
        self.ends: list[NDArray[np.int32]] = []
        self.apart: list[int] = []
        self.apart_sizes: list[int] = []
        self.apart_ends: list[NDArray[np.int32]] = []
        #: Edges so far.
        self.found = 0

    def read(self, size: int) -> NDArray[np.int64]:
        """Read the last objects of the list, the last first, and return their reference counts.

        So many that it does not take long: ``size`` of them, or fewer where they are large.
        """
        import numpy as np

        whole, sizes, kinds = self._sorted_out(functools.partial(_last, self._objects, size), size)
        size = min(size, int(np.searchsorted(np.cumsum(sizes), _AT_ONCE)) + 1)
        last = functools.partial(_last, self._objects, size)
        whole = whole[:size]
        self.contexts += compress(map(id, last()), (kinds[:size] == _CONTEXT).tobytes())
        self._whole.append(whole)
        chosen = last() if whole.all() else compress(last(), whole.tobytes())
        # A None at the end, for zip keeps what it made last.
        arguments = chain.from_iterable(zip(chain(chosen, (None,)), repeat(self._marks), strict=False))
        referents = chain.from_iterable(starmap(gc.get_referents, repeat(arguments, 1)))
        # What the collector does not track, numbers and text above all, holds nothing and is no target.
        self._raw.append(unseen(_ids, filter(gc.is_tracked, referents) if self._tracked else referents)[:-1])
        counts = np.fromiter(map(sys.getrefcount, last()), np.int64, size) - _OWN
        for place in np.flatnonzero(~whole).tolist():
            self._read_apart(self._objects[-1 - place])
        if sum(map(len, self._raw)) >= _BATCH:
            self.resolve()
        return counts

    def resolve(self) -> None:
        """Make numbers of the ids that have been read."""
        import numpy as np

        if not self._whole:
            return
        ends, sizes = self._resolved(np.concatenate(self._raw))
        whole = np.concatenate(self._whole)
        every = np.zeros(len(whole), np.int32)
        every[whole] = sizes
        self.sizes.append(every)
        self.ends.append(ends)
        self.found += len(ends)
        self._raw.clear()
        self._whole.clear()

    def _resolved(self, ids: NDArray[np.uint64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return where edges lead, and how many each object has, as the marks say."""
        import numpy as np

        numbers = self._numbered(ids)
        known = numbers >= 0
        return numbers[known], np.diff(np.cumsum(known)[ids == id(self._mark)], prepend=0)

    def _read_apart(self, thing: Any) -> None:
        """Read a large container in parts. One that changes meanwhile is read as far as that goes."""
        self.apart.append(id(thing))
        before = self.found
        # A generator or a cell with a module in it would be seen, the variables of a running function are not.
        is_module = issubclass(type(thing), ModuleType)
        for part in (_namespace(thing),) if is_module else _parts(thing):
            numbers = self._numbered(part)
            self.apart_ends.append(numbers[numbers >= 0])
            self.found += len(self.apart_ends[-1])
        self.apart_sizes.append(self.found - before)

    def _sorted_out(
        self, last: Callable[[], Iterator[Any]], size: int
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int8]]:
        """Return which objects can be read at once, about how many references each has, and what they are.

        Those cannot that are modules or arrays, and containers that are too large.
        """
        import numpy as np

        kinds = self._kinds_of(last, size)
        whole: NDArray[np.bool_] = (kinds != _MODULE) & (kinds != _ARRAY)
        sizes = np.full(size, _FEW, np.int64)
        for kind in set(kinds[kinds > _MODULE].tolist()):
            of_kind = kinds == kind
            base: Any = _APART[kind]
            try:  # not len, which may be the user's
                sizes[of_kind] += np.fromiter(map(base.__len__, compress(last(), of_kind.tobytes())), np.int64)
            except TypeError:  # a type that is gone, and another in its place
                continue
        whole &= sizes <= _LARGE
        return whole, np.where(whole, sizes, 0), kinds

    def _kinds_of(self, last: Callable[[], Iterator[Any]], size: int) -> NDArray[np.int8]:
        import numpy as np

        while True:
            kinds = np.fromiter(map(self._kinds.get, map(id, map(type, last())), repeat(_NEW)), np.int8, size)
            new = np.flatnonzero(kinds == _NEW)
            if not len(new):
                return kinds
            for place in new.tolist():
                kind = type(self._objects[-1 - place])  # not isinstance, which asks the object's __class__
                if id(kind) not in self._kinds:
                    self._kinds[id(kind)] = _kind(kind)


def _kind(kind: type) -> int:
    if kind is getattr(sys.modules.get("numpy"), "ndarray", None):
        return _ARRAY
    if kind is Context:
        return _CONTEXT
    return next((number for number, base in enumerate(_APART) if issubclass(kind, base)), _PLAIN)


def _last(objects: list[Any], size: int) -> Iterator[Any]:
    return islice(reversed(objects), size)


def _ids(objects: Iterable[Any]) -> NDArray[np.uint64]:
    import numpy as np

    return np.fromiter(map(id, objects), np.uint64)


def _namespace(module: ModuleType) -> NDArray[np.uint64]:
    import numpy as np

    return np.array([id(namespace(module))], np.uint64)


def _parts(container: Any) -> Iterator[NDArray[np.uint64]]:
    import numpy as np

    base: Any = None if is_array(container) else _APART[_kind(type(container))]
    streams = (elements(container) if base is None else base.__iter__(container),)
    for stream in (*streams, iter(dict.values(container))) if base is dict else streams:
        part = np.empty(1, np.uint64)
        while len(part):
            try:
                part = _ids(islice(stream, _LARGE))
            except RuntimeError:
                break
            yield part
            time.sleep(_REST)


def _own() -> int:
    # What a list, the slices' pipeline and the call itself add to a reference count.
    probe = [[]]  # type: ignore[var-annotated]
    return next(map(sys.getrefcount, _last(probe, 1)))


_OWN = _own()
