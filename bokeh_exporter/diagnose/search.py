"""The shortest way from a root to each target, on a picture of the heap.

One search from all roots at once, level by level, gives the shortest way to everything that they
reach. What they do not reach is held by something that the collector does not see: the reference
count of it, or of what holds it, is higher than the picture explains. Those objects are the roots of a second search.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .heap import Heap

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_UNSEEN, _ROOT = -1, -2
#: Edges that are looked at before other threads get their turn: 5 ms.
_STEP = 200_000
_REST = 0.0005


@dataclass(frozen=True)
class Way:
    """The ids from the root to the target. ``unseen``: the collector does not see who holds the first of them."""

    ids: list[int]
    unseen: bool = False


def ways(heap: Heap, roots: Mapping[int, int], targets: Iterable[int]) -> dict[int, Way]:
    """Find the way to each target.

    Args:
        heap: the picture.
        roots: by ``id``, after how many steps the search begins there: 0 for a module's namespace, 1 for a
            value that a frame holds.
        targets: by ``id``.

    Returns:
        The ways by the target's ``id``; without those that nothing holds.
    """
    keys = list(targets)
    wanted = {int(number): key for key, number in zip(keys, heap.numbers(keys), strict=True) if number >= 0}
    starts: dict[int, list[int]] = {}
    for number, level in zip(heap.numbers(roots), roots.values(), strict=True):
        if number >= 0:
            starts.setdefault(level, []).append(int(number))
    parents = _search(heap, starts, list(wanted))
    found = {key: _chain(parents, number) for number, key in wanted.items() if parents[number] != _UNSEEN}
    missing = [number for number, key in wanted.items() if key not in found]
    unseen: dict[int, list[int]] = {}
    if missing:
        held = _held_unseen(heap, parents, missing)
        others = _search(heap, {0: held}, missing)
        unseen = {wanted[number]: _chain(others, number) for number in missing if others[number] != _UNSEEN}
    ids = _ids(heap, [number for each in (*found.values(), *unseen.values()) for number in each])
    return {
        **{key: Way([ids[number] for number in each]) for key, each in found.items()},
        **{key: Way([ids[number] for number in each], unseen=True) for key, each in unseen.items()},
    }


def _ids(heap: Heap, numbers: list[int]) -> dict[int, int]:
    return dict(zip(numbers, heap.ids_of(numbers), strict=True))


def _chain(parents: NDArray[np.int32], number: int) -> list[int]:
    found = [number]
    while (number := int(parents[number])) != _ROOT:
        found.append(number)
    return found[::-1]


def _search(heap: Heap, starts: Mapping[int, list[int]], wanted: list[int]) -> NDArray[np.int32]:
    """Return from where each object was reached first; stop when all that are wanted have been."""
    import numpy as np

    parents = np.full(len(heap), _UNSEEN, np.int32)
    frontier = np.empty(0, np.int64)
    goal = np.array(wanted, np.int64)
    for level in range(len(heap)):
        new = np.array([number for number in starts.get(level, ()) if parents[number] == _UNSEEN], np.int64)
        parents[new] = _ROOT
        frontier = np.concatenate([frontier, new])
        if not (parents[goal] == _UNSEEN).any():
            break
        if not len(frontier):
            if level >= max(starts, default=0):
                break
            continue
        frontier = _next(heap, parents, frontier)
    return parents


def _next(heap: Heap, parents: NDArray[np.int32], frontier: NDArray[np.int64]) -> NDArray[np.int64]:
    import numpy as np

    found = [np.empty(0, np.int64)]
    sizes = heap.first[frontier + 1] - heap.first[frontier]
    parts = np.cumsum(sizes) // _STEP
    for begin, end in _runs(parts):
        # The edges of some objects, one after the other: where each object's begin, then counting on.
        part, size = frontier[begin:end], sizes[begin:end]
        total = int(size.sum())
        offsets = np.repeat(heap.first[part] - np.concatenate([[0], np.cumsum(size)[:-1]]), size)
        ends = heap.ends[offsets + np.arange(total)]
        new = parents[ends] == _UNSEEN
        reached = ends[new]
        parents[reached] = np.repeat(part, size)[new].astype(np.int32)
        found.append(np.unique(reached).astype(np.int64))
        time.sleep(_REST)
    return np.concatenate(found)


def _runs(parts: NDArray[np.int64]) -> Iterable[tuple[int, int]]:
    import numpy as np

    borders = [0, *(np.flatnonzero(np.diff(parts)) + 1).tolist(), len(parts)]
    return itertools.pairwise(borders)


def _held_unseen(heap: Heap, parents: NDArray[np.int32], missing: list[int]) -> list[int]:
    """Return what leads to the missing ones and has more references than the picture has edges to it."""
    import numpy as np

    # What no root reaches is only referred to by what no root reaches, so other edges need not be kept.
    begins, ends = [], []
    for begin in range(0, len(heap), _STEP):
        end = min(begin + _STEP, len(heap))
        sizes = np.diff(heap.first[begin : end + 1])
        starts = np.repeat(np.arange(begin, end), sizes)
        leads = heap.ends[heap.first[begin] : heap.first[end]]
        both = parents[leads] == _UNSEEN
        begins.append(starts[both])
        ends.append(leads[both])
        time.sleep(_REST)
    begun, ended = np.concatenate(begins), np.concatenate(ends)
    unexplained = heap.counts - np.bincount(ended, minlength=len(heap))
    above = np.zeros(len(heap), bool)
    above[missing] = True
    size = 0
    while size != (size := int(above.sum())):
        above[begun[above[ended]]] = True
    return [int(number) for number in np.flatnonzero(above & (unexplained > 0))]
