"""What callgrind wrote: how often each event happened, in each function by itself, what it called left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

#: Events by function: the counter of each event, in the order of :attr:`Profile.events`.
Functions = dict[str, list[int]]

#: What looks an attribute up in the bases of a class, where CPython's method cache has another in its place. The cache
#: has 4,096 places, chosen by the addresses of names: which of them meet in one is luck, and stays so for a process.
SEARCHES = "find_name_in_mro"

_NAME = re.compile(r"c?fn=\((\d+)\)(?: (.*))?")


class Profile:
    """The files of one dump, one for each thread, added up."""

    def __init__(self, paths: Iterable[Path]) -> None:
        #: ``Ir`` is instructions; with the simulations ``I1mr``, ``D1mr``, ``Bcm`` and so on.
        self.events: Sequence[str] = ()
        self.functions: Functions = {}
        #: Instructions of :data:`SEARCHES` and what it calls, and how often it was called.
        self.searched = self.searches = 0
        for path in paths:
            with path.open(errors="replace") as lines:
                self._add(lines)

    def of(self, event: str) -> Counter[str]:
        """Return how often an event happened, by function."""
        if event not in self.events:  # nothing ran
            return Counter()
        index = self.events.index(event)
        return Counter({name: counts[index] for name, counts in self.functions.items()})

    def totals(self) -> Counter[str]:
        """Return how often each event happened."""
        sums = [sum(counts) for counts in zip(*self.functions.values(), strict=True)]
        return Counter(dict(zip(self.events, sums, strict=False)))

    def _add(self, lines: Iterator[str]) -> None:
        names: dict[str, str] = {}  # a name is written where it first occurs, and is a number from there on
        mine: list[int] = []
        called = ""
        for line in lines:
            first = line[0]
            if first in "+-*0123456789":
                for index, count in enumerate(line.split()[1:]):
                    mine[index] += int(count)
            elif line.startswith("calls="):
                took = next(lines, "").split()  # what it called took so much: it is in what that has by itself
                if called == SEARCHES:
                    self.searched += int(took[1])
                    self.searches += int(line[6:].split()[0])
            elif (found := _NAME.match(line)) is not None:
                number, name = found.groups()
                name = names.setdefault(number, name) if name is not None else names[number]
                name = name.partition("'")[0]  # callgrind tells a function that calls itself apart from its first call
                if first == "c":
                    called = name
                else:
                    mine = self.functions.setdefault(name, [0] * len(self.events))
            elif line.startswith("events:"):
                self.events = line.split()[1:]
