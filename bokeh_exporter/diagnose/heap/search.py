"""The shortest way from a root to each target, on a picture of the heap.

One search from all roots at once, level by level, gives the shortest way to everything that they
reach. What they do not reach is held by something that the collector does not see, or that was made while the picture
was taken: the reference count of it, or of what holds it, is higher than the picture explains.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .picture import Heap

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: What ``parents`` has of an object that has not been reached.
UNSEEN, _ROOT = -1, -2
#: Edges that are looked at before other threads get their turn: 5 ms.
_STEP = 200_000
_REST = 0.0005
#: Steps that what is in a context variable counts as farther away.
_LATE = 32


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
    for number, level in zip(heap.numbers(roots).tolist(), roots.values(), strict=True):
        if number >= 0:
            starts.setdefault(level, []).append(number)
    late = heap.numbers(heap.contexts)
    parents = _search(heap, starts, list(wanted), late[late >= 0])
    found = {key: _chain(parents, number) for number, key in wanted.items() if parents[number] != UNSEEN}
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


def _search(
    heap: Heap, starts: Mapping[int, list[int]], wanted: list[int], late: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Return from where each object was reached first; stop when all that are wanted have been.

    What is in a context variable is found last: a context says whose code a timer runs, not who needs the object.
    """
    import numpy as np

    parents = np.full(len(heap), UNSEEN, np.int32)
    frontier = np.empty(0, np.int64)
    goal = np.array(wanted, np.int64)
    is_late = np.zeros(len(heap), bool)
    is_late[late] = True
    delayed: dict[int, NDArray[np.int64]] = {}
    for level in range(len(heap) + _LATE):
        new = np.array([number for number in starts.get(level, ()) if parents[number] == UNSEEN], np.int64)
        parents[new] = _ROOT
        delayed[level + _LATE] = frontier[is_late[frontier]]
        frontier = np.concatenate([frontier[~is_late[frontier]], new, delayed.pop(level, frontier[:0])])
        if not (parents[goal] == UNSEEN).any():
            break
        if not len(frontier):
            if level >= max(starts, default=0) and not any(map(len, delayed.values())):
                break
            continue
        frontier = _next(heap, parents, frontier)
    return parents


def spread(heap: Heap, parents: NDArray[np.int32], frontier: NDArray[Any]) -> None:
    """Reach all that some objects lead to and that has not been reached; ``parents`` says so afterwards."""
    while len(frontier):
        frontier = _next(heap, parents, frontier)


def _next(heap: Heap, parents: NDArray[np.int32], frontier: NDArray[np.int64]) -> NDArray[np.int64]:
    import numpy as np

    found: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    for numbers, firsts, sizes in _runs(heap, frontier):
        # The edges of some objects, one after the other: where each object's begin, then counting on.
        edges = np.arange(int(sizes.sum())) + np.repeat(firsts - np.cumsum(sizes) + sizes, sizes)
        ends = np.take(heap.ends, edges)
        new = np.flatnonzero(np.take(parents, ends) == UNSEEN)
        reached = ends[new]
        parents[reached] = np.repeat(numbers, sizes)[new].astype(np.int32)
        once = np.sort(reached).astype(np.int64)
        found.append(once[np.diff(once, prepend=-1) > 0])
        time.sleep(_REST)
    return np.concatenate(found)


def _runs(
    heap: Heap, frontier: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Yield objects, where their edges begin and how many they are, a step's worth at a time; large ones in parts."""
    import numpy as np

    rows = np.take(heap.rows, frontier)
    firsts = np.take(heap.first, rows)
    sizes = np.take(heap.first, rows + 1) - firsts
    for place in np.flatnonzero(sizes > _STEP).tolist():
        for part in range(0, int(sizes[place]), _STEP):
            size = min(_STEP, int(sizes[place]) - part)
            yield frontier[place : place + 1], firsts[place : place + 1] + part, np.array([size])
    some = np.flatnonzero((sizes > 0) & (sizes <= _STEP))
    numbers, firsts, sizes = frontier[some], firsts[some], sizes[some]
    steps = np.cumsum(sizes) // _STEP
    borders = [0, *(np.flatnonzero(np.diff(steps)) + 1).tolist(), len(steps)]
    for begin, end in itertools.pairwise(borders):
        yield numbers[begin:end], firsts[begin:end], sizes[begin:end]


def above(heap: Heap, targets: Iterable[int]) -> dict[int, bool]:
    """Return all that leads to targets which no root reaches, by ``id``.

    True for those that have more references than the picture has edges to them: somebody holds them whom the
    collector does not see, or who was made after the picture was.
    """
    import numpy as np

    upwards = np.zeros(len(heap), bool)
    upwards[list(_wanted(heap, targets))] = True
    of_row = np.full(len(heap.first) - 1, -1, np.int32)
    of_row[heap.rows] = np.arange(len(heap), dtype=np.int32)
    size, ended = 0, np.empty(0, np.int64)
    while size != (size := int(upwards.sum())):
        begun, ended = _leading_to(heap, of_row, upwards)
        upwards[begun] = True
    numbers = np.flatnonzero(upwards)
    edges = np.bincount(np.searchsorted(numbers, ended), minlength=len(numbers))
    held = heap.counts[numbers] > edges
    return dict(zip(heap.ids_of(numbers.tolist()), held.tolist(), strict=True))


def _leading_to(
    heap: Heap, of_row: NDArray[np.int32], objects: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where edges to some objects begin, and where they end."""
    import numpy as np

    begins, ends = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for begin in range(0, len(heap.ends), _STEP):
        leads = heap.ends[begin : begin + _STEP]
        places = np.flatnonzero(np.take(objects, leads))
        begins.append(np.take(of_row, np.searchsorted(heap.first, places + begin, side="right") - 1).astype(np.int64))
        ends.append(leads[places].astype(np.int64))
        time.sleep(_REST)
    return np.concatenate(begins), np.concatenate(ends)
