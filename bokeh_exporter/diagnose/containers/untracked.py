"""What the collector does not track, texts and numbers and arrays above all: how large, and what else refers to it.

A holder of millions of objects has millions of texts. They are counted as arrays of numbers, by runs of C code; Python
looks at those only that hold others in turn, or whose size C code does not say.
"""

from __future__ import annotations

import functools
import gc
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain, compress, filterfalse, islice, repeat
from types import MethodDescriptorType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from ..heap import safe_reads as safely
from ..heap.arrays import elements, is_array
from ..heap.atomic_reads import unseen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Things that are looked at in one go, some 5 ms with the interpreter lock held; seconds between two.
_PART, _REST = 25_000, 0.0005
#: How deep untracked tuples and dicts are followed: the collector leaves alone those that hold text and numbers only.
_DEPTH = 8
#: Columns and tables whose memory is not Python's; ``nbytes`` of these is C code. polars offers no such number.
_FRAMES = {("pyarrow.lib", name) for name in ("ChunkedArray", "Table", "RecordBatch")}
_BASES: tuple[type, ...] = (bytes, bytearray)
#: Traits of a type. Its instances' size is what C code says; they are modules; Python has to look at each.
_NEW, _BY_C, _MODULE, _LOOKED_AT = -1, 1, 2, 4


class UntrackedObjects(NamedTuple):
    """Untracked things, each once: its ``id``, all references to it, those from here, its bytes, if it is an array."""

    ids: NDArray[np.uint64]
    references: NDArray[np.int64]
    here: NDArray[np.int64]
    sizes: NDArray[np.int64]
    arrays: NDArray[np.bool_]

    def of(self, which: NDArray[Any]) -> UntrackedObjects:
        """Return some of them, by a mask or by their places."""
        return UntrackedObjects(
            self.ids[which], self.references[which], self.here[which], self.sizes[which], self.arrays[which]
        )


class Sizer:
    """Says how large things are, without the user's code."""

    def __init__(self) -> None:
        #: By the ``id`` of a type.
        self._traits: dict[int, int] = {}

    def tracked(self, each: Callable[[], Iterator[Any]]) -> tuple[int, int, list[Any]]:
        """Return number and bytes of things that the collector tracks, and what they refer to that it does not.

        Args:
            each: returns a new iterator over them.
        """
        import numpy as np

        kinds = unseen(list, map(type, each()))
        traits = self._traits_of(kinds)
        plain = traits & _BY_C != 0
        size = sum(kinds[place].__basicsize__ for place in np.flatnonzero(~plain).tolist())
        size += unseen(sum, map(sys.getsizeof, compress(each(), plain.tobytes())))
        followed = (traits & _MODULE == 0).tobytes()  # never a module's, see referents
        referents = chain.from_iterable(map(gc.get_referents, compress(each(), followed)))
        return len(kinds), size, unseen(list, filterfalse(gc.is_tracked, referents))

    def untracked(self, things: list[Any], followed: set[int] | None, depth: int = 0) -> Iterator[UntrackedObjects]:
        """Count untracked things, and then those within them; the list is empty in the end.

        Args:
            things: each as often as something refers to it.
            followed: the ``id`` of those whose insides have been counted before; None to count them each time.
            depth: how deep these are in others.
        """
        import numpy as np

        each = iter(things)
        parts = [np.fromiter(map(id, islice(each, _PART)), np.uint64) for _ in range(0, len(things), _PART)]
        if not parts:
            return
        ids, inverse, here = np.unique(np.concatenate(parts), return_inverse=True, return_counts=True)
        del each, parts
        references, sizes = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
        arrays, within, left = np.zeros(len(ids), np.bool_), list[Any](), here.copy()
        while things:
            size = min(_PART, len(things))
            last = functools.partial(_last, things, size)
            places = inverse[len(things) - size : len(things)][::-1]
            counted = np.fromiter(map(sys.getrefcount, last()), np.int64, size)
            references[places] = counted - OWN - left[places]  # the list has each as often as it is left in it
            traits = self._traits_of(unseen(list, map(type, last())))
            plain = traits & _LOOKED_AT == 0
            sizes[places[plain]] = np.fromiter(map(sys.getsizeof, compress(last(), plain.tobytes())), np.int64)
            for place in np.flatnonzero(~plain).tolist():
                at, thing = int(places[place]), things[-1 - place]
                if sizes[at]:
                    continue
                sizes[at], arrays[at] = max(1, self._size(thing)), is_array(thing)
                if depth < _DEPTH and (followed is None or id(thing) not in followed):
                    within.extend(_within(thing))
                    if followed is not None:
                        followed.add(id(thing))
            thing = None
            left -= np.bincount(places, minlength=len(ids))
            del things[-size:]
            if things:
                time.sleep(_REST)
        yield UntrackedObjects(ids, references, here, sizes, arrays)
        del ids, inverse, here, references, sizes, arrays, left
        if within:
            yield from self.untracked(within, followed, depth + 1)

    def _size(self, thing: Any) -> int:
        """Return the bytes of a thing, an array's or a table's own memory with it."""
        kind = type(thing)
        if is_array(thing) and thing.base is not None and not safely.is_a(thing.base, *_BASES, kind):
            return int(sys.getsizeof(thing) + thing.nbytes)  # memory of C's, a file or a shared block
        if _is_frame(kind):
            return int(thing.nbytes)
        return sys.getsizeof(thing) if self._trait(kind) & _BY_C else kind.__basicsize__

    def _traits_of(self, kinds: list[type]) -> NDArray[np.int8]:
        import numpy as np

        while True:
            found = np.fromiter(map(self._traits.get, map(id, kinds), repeat(_NEW)), np.int8, len(kinds))
            new = np.flatnonzero(found == _NEW)
            if not len(new):
                return found
            for place in new.tolist():
                self._trait(kinds[place])

    def _trait(self, kind: type) -> int:
        known = self._traits.get(id(kind))
        if known is None:
            # ``__sizeof__`` in Python is the user's.
            by_c = type(safely.attribute_of_class(kind, "__sizeof__")) is MethodDescriptorType
            looked_at = (
                not by_c
                or kind in (tuple, dict)
                or kind is getattr(sys.modules.get("numpy"), "ndarray", None)
                or _is_frame(kind)
            )
            known = by_c * _BY_C | issubclass(kind, ModuleType) * _MODULE | looked_at * _LOOKED_AT
            self._traits[id(kind)] = known
        return known


def _is_frame(kind: type) -> bool:
    return (safely.type_module(kind), safely.type_name(kind)) in _FRAMES


def _within(thing: Any) -> Iterator[Any]:
    """Yield the untracked things that an untracked one refers to."""
    if is_array(thing):
        if thing.base is not None:
            yield thing.base
        elif thing.dtype.hasobject:
            yield from filterfalse(gc.is_tracked, elements(thing))
    elif type(thing) in (tuple, dict):
        yield from filterfalse(gc.is_tracked, gc.get_referents(thing))


def _last(things: list[Any], size: int) -> Iterator[Any]:
    return islice(reversed(things), size)


def _own() -> int:
    # What the pipeline and the call itself add to a reference count, without the list's own.
    return next(map(sys.getrefcount, _last([object()], 1))) - 1


OWN = _own()
