"""The shortest way from a root to each target, on a picture of the heap.

One search from all roots at once, level by level, gives the shortest way to everything that they
reach. What they do not reach is held by something that the collector does not see, or that was made while the picture
was taken: the reference count of it, or of what holds it, is higher than the picture explains.
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
    """The ids from the root to the target."""

    ids: list[int]


def ways(heap: Heap, roots: Mapping[int, int], targets: Iterable[int]) -> dict[int, Way]:
    """Find the way to each target that a root reaches.

    Args:
        heap: the picture.
        roots: by ``id``, after how many steps the search begins there: 0 for a module's namespace, 1 for a
            value that a frame holds.
        targets: by ``id``.
    """
    wanted = _wanted(heap, targets)
    starts: dict[int, list[int]] = {}
    for number, level in zip(heap.numbers(roots), roots.values(), strict=True):
        if number >= 0:
            starts.setdefault(level, []).append(int(number))
    parents = _search(heap, starts, list(wanted))
    found = {key: _chain(parents, number) for number, key in wanted.items() if parents[number] != _UNSEEN}
    ids = _ids(heap, [number for each in found.values() for number in each])
    return {key: Way([ids[number] for number in each]) for key, each in found.items()}


def _wanted(heap: Heap, targets: Iterable[int]) -> dict[int, int]:
    keys = list(targets)
    return {int(number): key for key, number in zip(keys, heap.numbers(keys), strict=True) if number >= 0}


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


def above(heap: Heap, targets: Iterable[int]) -> dict[int, bool]:
    """Return all that leads to targets which no root reaches, by ``id``.

    True for those that have more references than the picture has edges to them: somebody holds them whom the
    collector does not see, or who was made after the picture was.
    """
    import numpy as np

    upwards = np.zeros(len(heap), bool)
    upwards[list(_wanted(heap, targets))] = True
    size, edges = 0, np.zeros(len(heap), np.int64)
    begun, ended = np.empty(0, np.int64), np.empty(0, np.int64)
    while size != (size := int(upwards.sum())):
        begun, ended = _leading_to(heap, upwards)
        upwards[begun] = True
    np.add.at(edges, ended, 1)
    numbers = np.flatnonzero(upwards).tolist()
    return {key: bool(heap.counts[number] > edges[number]) for number, key in
            zip(numbers, heap.ids_of(numbers), strict=True)}  # fmt: skip


def _leading_to(heap: Heap, objects: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    import numpy as np

    begins, ends = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for begin in range(0, len(heap), _STEP):
        end = min(begin + _STEP, len(heap))
        leads = heap.ends[heap.first[begin] : heap.first[end]]
        places = np.flatnonzero(objects[leads])
        starts = np.searchsorted(heap.first[begin : end + 1], places + heap.first[begin], side="right") - 1 + begin
        begins.append(starts)
        ends.append(leads[places].astype(np.int64))
        time.sleep(_REST)
    return np.concatenate(begins), np.concatenate(ends)
