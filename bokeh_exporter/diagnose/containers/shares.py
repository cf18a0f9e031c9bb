"""How many bytes hang on each of many containers, in one search and one pass over all objects.

Each object belongs to the container that reaches it first, if nothing but containers does. What the collector does
not track is shared out by references: of a text that has two, one of them from here, half its bytes count. So nothing
need be remembered of millions of texts. It ranks; what is reported is measured by ``heap.retained``.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Sequence
from itertools import compress, filterfalse, islice
from typing import TYPE_CHECKING, Any

from ..heap.atomic_reads import unseen
from ..heap.picture import SLICE, Heap, hidden, let_go, shorten
from ..heap.search import UNSEEN, spread
from .untracked import Sizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def owners(heap: Heap, alive: Iterable[int], containers: Sequence[int]) -> NDArray[np.int32]:
    """Return, for each object of a picture, which of some containers it hangs on; -1 for none.

    Args:
        heap: the picture.
        alive: where the living begins, by ``id``.
        containers: by ``id``; those that the picture has not are left out.
    """
    import numpy as np

    numbers = heap.numbers(containers)
    known = np.flatnonzero(numbers >= 0)
    held = numbers[known].astype(np.int64)
    parents = np.full(len(heap), UNSEEN, np.int32)
    parents[held] = held  # what stops the search from entering them
    begins = heap.numbers(list(alive))
    begins = np.unique(begins[begins >= 0]).astype(np.int64)
    begins = begins[parents[begins] == UNSEEN]
    parents[begins] = begins
    spread(heap, parents, begins)
    others = parents != UNSEEN
    others[held] = False
    spread(heap, parents, held)
    every = np.arange(len(heap), dtype=np.int32)
    others |= parents == UNSEEN
    parents[others] = every[others]
    while True:  # each time twice as far towards the container
        further = np.take(parents, parents)
        if np.array_equal(further, parents):
            break
        parents = further
    of = np.full(len(heap), -1, np.int32)
    of[held] = known
    found = np.take(of, parents)
    found[others] = -1
    return found


class Shares:
    """The bytes of each container."""

    def __init__(self) -> None:
        self._sizer = Sizer()

    def measure(self, heap: Heap, owner: NDArray[np.int32], count: int) -> NDArray[np.float64]:
        """Return the bytes of all objects of each owner."""
        import numpy as np

        sums = np.zeros(count)
        objects = hidden()
        try:
            while objects:
                size = min(SLICE, len(objects))
                ids = np.fromiter(map(id, islice(reversed(objects), size)), np.uint64, size)
                places = np.minimum(np.searchsorted(heap.ids, ids), len(heap) - 1)
                owned = np.where(np.take(heap.ids, places) == ids, np.take(owner, places), -1)
                for each in np.unique(owned[owned >= 0]).tolist():
                    sums[each] += self._tracked(objects, size, (owned == each).tobytes())
                shorten(objects, size)
        finally:
            let_go(objects)
        return sums

    def untracked(self, container: Any) -> float:
        """Return the bytes of a container that the collector does not track: one of texts and numbers only."""
        return sys.getsizeof(container) + self._share(
            unseen(list, filterfalse(gc.is_tracked, gc.get_referents(container)))
        )

    def _tracked(self, objects: list[Any], size: int, mask: bytes) -> float:
        _, own, things = self._sizer.tracked(lambda: compress(islice(reversed(objects), size), mask))
        return own + self._share(things)

    def _share(self, things: list[Any]) -> float:
        import numpy as np

        return sum(
            float((each.sizes * np.minimum(1.0, each.here / np.maximum(1, each.references))).sum())
            for each in self._sizer.untracked(things, None)
        )
