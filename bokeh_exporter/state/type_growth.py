"""Which classes grew between two moments, from counts that are kept anyway.

Observers register sources: a function that gives the live objects by class name. A mark is one look
at all of them; two marks tell the growth. Nothing here looks for objects.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

#: Live objects by class name, with their bytes where those are known.
Counts = Mapping[str, "tuple[int, int | None]"]


class Grown(NamedTuple):
    """One class that grew. ``bytes`` is None where sizes are not known."""

    name: str
    objects: int
    bytes: int | None


@dataclass(frozen=True)
class Mark:
    """How many there were of each class. ``time`` is ``time.time()``."""

    time: float
    counts: Counts


class Growth:
    """The sources, and growth since a mark."""

    def __init__(self) -> None:
        self._sources: dict[str, Callable[[], Mapping[str, int]]] = {}

    def register(self, kind: str, source: Callable[[], Mapping[str, int]]) -> None:
        """Add a source: ``kind`` says what its classes are (``component``), it gives counts by class name."""
        self._sources[kind] = source

    def mark(self) -> Mark:
        """Look now. Cheap: no heap is walked."""
        counts: dict[str, tuple[int, int | None]] = {}
        for kind, source in list(self._sources.items()):
            for name, count in source().items():
                counts[f"{kind} {name}"] = (count, None)
        return Mark(time.time(), counts)

    def growth(self, since: Mark, until: Mark | None = None) -> list[Grown]:
        """List the classes that grew since a mark, the most first; of a census those with the most bytes first."""
        return grown(since.counts, (until or self.mark()).counts)


def grown(before: Counts, after: Counts) -> list[Grown]:
    """List what ``after`` has more of than ``before``."""
    rows = []
    for name, (count, size) in after.items():
        count_before, size_before = before.get(name, (0, 0))
        more = None if size is None else size - (size_before or 0)
        if count > count_before or (more or 0) > 0:
            rows.append(Grown(name, count - count_before, more))
    return sorted(rows, key=lambda row: (-(row.bytes or 0), -row.objects, row.name))
