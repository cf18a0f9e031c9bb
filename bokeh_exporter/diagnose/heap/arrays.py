"""NumPy arrays of objects: holders that the garbage collector does not track, so that a picture lacks them.

Looked for only where something has no other holder. pandas keeps the columns of its frames in such arrays.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator
from itertools import chain, compress, islice, repeat, starmap, zip_longest
from operator import attrgetter, is_, is_not, itemgetter
from types import ModuleType
from typing import Any

from .atomic_reads import unseen

#: Objects whose referents are looked through in one go, and the seconds between two.
_SLICE, _REST = 5_000, 0.0005
_has_objects = attrgetter("dtype.hasobject")


def is_array(thing: object) -> bool:
    """Whether a thing is an array of NumPy's own type, which runs nobody's code."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(thing) is numpy.ndarray


def elements(array: Any) -> Iterator[Any]:
    """Yield the objects that an array refers to, those of each field in turn."""
    fields = array.dtype.names
    if fields is not None:
        return chain.from_iterable(map(elements, map(array.__getitem__, fields)))
    return iter(array.flat) if array.dtype.hasobject else iter(())


def place(array: Any, wanted: object) -> str | None:
    """Say where in an array something is, as it is written in code."""
    import numpy as np

    for name in array.dtype.names or ():
        found = place(array[name], wanted)
        if found is not None:
            return f"['{name}']{found}"
    if array.dtype.names is None and array.dtype.hasobject:
        for number, each in enumerate(array.flat):
            if each is wanted:
                return f"[{', '.join(map(str, map(int, np.unravel_index(number, array.shape))))}]"
    return None


def arrays(objects: list[Any]) -> list[Any]:
    """Return the arrays of objects that some objects refer to; the list must be one that the collector does not see."""
    if "numpy" not in sys.modules:
        return []
    import numpy as np

    found: dict[int, Any] = {}
    each = [iter(objects) for _ in range(4)]
    for _ in range(0, len(objects), _SLICE):
        ours, theirs = _referents(each[0], each[1]), _referents(each[2], each[3])
        # Both are read to their ends, with a None there: what is left over, or was made last, would hold a list that an
        # app's module is in, as compress() did.
        both = zip_longest(chain(ours, (None,)), map(is_, map(type, theirs), repeat(np.ndarray)))
        chosen = map(itemgetter(0), filter(itemgetter(1), both))
        found.update((id(array), array) for array in unseen(list, filter(_has_objects, chosen)))
        time.sleep(_REST)
    return list(found.values())


def _referents(objects: Iterator[Any], again: Iterator[Any]) -> Iterator[Any]:
    # Never a module's, see referents.
    plain = map(is_not, map(type, islice(again, _SLICE)), repeat(ModuleType))
    chosen = compress(islice(objects, _SLICE), chain(plain, repeat(False)))
    return chain.from_iterable(starmap(gc.get_referents, repeat(chosen, 1)))
