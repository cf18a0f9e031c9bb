"""The containers that grew most between two pictures. Remembered are sums by path, bounded; no object."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from ..heap.answers import Found
from ..heap.history import Since
from ..heap.objects import plain
from ..heap.paths import describe
from ..heap.picture import Heap
from ..heap.retained import Retained, only_by, sizes
from ..heap.roots import at_home, module_root
from .places import LRU, MEMOIZED, entries, of_module, places
from .shares import Shares, owners

#: Rows, and bytes that a container must have grown by to be one.
ROWS, LEAST = 10, 1_000_000


class _Seen(NamedTuple):
    """A container: Unix time of the first picture, of the one it is compared with, and the bytes then."""

    first: float
    since: float
    bytes: int


class _Now(NamedTuple):
    module: str
    path: str
    key: int
    bytes: int


class ContainerGrowth:
    """What one exporter remembers of containers.

    Args:
        clock: returns the Unix time.
        cached: returns the functions that Panel caches, by the digest that it keeps each under.
    """

    def __init__(
        self, clock: Callable[[], float] = time.time, cached: Callable[[], Mapping[str, str]] = dict[str, str]
    ) -> None:
        self._clock, self._cached = clock, cached
        self._guard = threading.Lock()
        self._seen: dict[str, _Seen] = {}

    def look(self, heap: Heap, alive: Iterable[int]) -> list[Found]:
        """Return those that have grown since they were seen first, last shrank or were reported; most first.

        Args:
            heap: a picture.
            alive: where the living begins, by ``id``.
        """
        alive = list(alive)
        found, now = _measured(heap, alive), self._clock()
        with self._guard:
            grown = self._compared(found, now)
        retained = _retained(heap, alive, [each for each, _ in grown])
        rows = []
        for each, before in grown:
            row = self._row(each, Since(before.first, each.bytes - before.bytes, before.since))
            if row is not None:
                row.retained = retained.get(each.key)
                row.age_seconds = now - before.first
                rows.append(row)
        return rows

    def _row(self, now: _Now, since: Since) -> Found | None:
        """Describe a container, None if it has gone meanwhile."""
        for path, objects in of_module(now.module):
            if path == now.path and id(objects[-1]) == now.key:
                count, kind = entries(objects[-1]), plain(objects[-1])
                what = "cache" if type(objects[-1]) is LRU else kind
                chain, root = at_home(list(objects), module_root(now.module))
                words = describe(chain, root, f"{what} of {count:,} {'entry' if count == 1 else 'entries'}")
                head, _, digest = path.removesuffix("]").partition(f".{MEMOIZED}[")
                if digest and head:
                    owner = f"pn.cache of {self._cached().get(digest, 'a function')}"
                    words = replace(words, root=owner, text=f"{owner} -> {words.text.rpartition(' -> ')[2]}")
                return Found("", "container", count, 0.0, words, since=since)
        return None

    def _compared(self, found: list[_Now], now: float) -> list[tuple[_Now, _Seen]]:
        seen = {each.path: self._seen.get(each.path) or _Seen(now, now, each.bytes) for each in found}
        grown = [(each, seen[each.path]) for each in found if each.bytes - seen[each.path].bytes >= LEAST]
        grown = sorted(grown, key=lambda each: each[1].bytes - each[0].bytes)[:ROWS]
        reported = {each.path for each, _ in grown}
        for each in found:
            before = seen[each.path]
            if each.path in reported or each.bytes < before.bytes:
                seen[each.path] = _Seen(before.first, now, each.bytes)
        self._seen = seen
        return grown


def _measured(heap: Heap, alive: list[int]) -> list[_Now]:
    import numpy as np

    shares, where, alone = Shares(), list[tuple[str, str, int]](), dict[int, float]()
    for module, path, objects in places():
        if not gc.is_tracked(objects[-1]) and entries(objects[-1]):
            alone[len(where)] = shares.untracked(objects[-1])
        elif not entries(objects[-1]):
            alone[len(where)] = 0.0
        where.append((module, path, id(objects[-1])))
        del objects
    keys = [key for _, _, key in where]
    sums = shares.measure(heap, owners(heap, alive, keys), len(where))
    pictured = (heap.numbers(keys) >= 0) | np.isin(np.arange(len(where)), list(alone))  # or made since the picture
    return [
        _Now(*each, int(alone.get(number, sums[number]))) for number, each in enumerate(where) if pictured[number]
    ]  # fmt: skip


def _retained(heap: Heap, alive: list[int], grown: list[_Now]) -> dict[int, Retained]:
    """Say what those would free that have grown, by one more search for each, their own tables included."""
    import numpy as np

    groups = {}
    for each in grown:
        (number,) = heap.numbers([each.key]).tolist()
        if number >= 0:
            groups[each.key] = np.union1d(only_by(heap, alive, each.key), [number])
    alone = {each.key: Retained(0, 0, each.bytes) for each in grown if each.key not in groups}
    return {**alone, **sizes(heap, groups)}
