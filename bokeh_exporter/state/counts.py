"""Counts of the hot path: one call into C that takes no lock and leaves nothing behind.

What only has to be counted needs no entry in the queue: ``itertools.count`` adds one in a single step of the
interpreter, so threads lose nothing, and the difference since the last look is applied to the child off the
hot path. Entries are for what carries a value, as a duration does.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from .events import EventCounter, EventHistogram


class Count:
    """Counts for one child of a counter, or how often 0 was observed by one of a histogram."""

    __slots__ = ("_apply", "_seen", "counter", "one")

    def __init__(self, apply: Callable[[int], None]) -> None:
        self._apply = apply
        self.counter = itertools.count()
        self._seen = 0
        #: Counts one. What it returns is nobody's business.
        self.one: Callable[[], Any] = self.counter.__next__

    def settle(self) -> bool:
        """Apply what was counted since the last time, and say whether anything was. Not by two threads at once."""
        # The one way to look at it that is not deprecated: "count(7)".
        total = int(repr(self.counter)[6:-1])
        new, self._seen = total - self._seen, total
        if new:
            self._apply(new)
        return new > 0


class Counts:
    """The counts of one state. Those of children that are gone go with :meth:`forget`."""

    def __init__(self) -> None:
        self._counts: dict[EventCounter | EventHistogram, Count] = {}
        #: Their counters, and how these and the number of those forgotten were at the last look: mostly the same.
        self._counters: dict[EventCounter | EventHistogram, object] = {}
        self._forgotten, self._seen = 0, (0, [""])

    def of(self, child: EventCounter | EventHistogram) -> Count:
        """Return the count of a counter's child, or of the zeros that a histogram's child observes."""
        found = self._counts.get(child)
        if found is None:
            apply = child.inc if isinstance(child, EventCounter) else child.observe_zeros
            found = self._counts.setdefault(child, Count(apply))
            self._counters[child] = found.counter
        return found

    def settle(self, failed: Callable[[Exception], None]) -> bool:
        """Apply all of them, and say whether there was anything. Not by two threads at once."""
        seen = self._forgotten, list(map(repr, list(self._counters.values())))
        if seen == self._seen:
            return False
        self._seen = seen
        something = False
        for count in list(self._counts.values()):
            try:
                something |= count.settle()
            except Exception as error:
                failed(error)
        return something

    def forget(self, child: EventCounter | EventHistogram) -> None:
        """Drop the count of a child that is removed."""
        self._forgotten += 1
        self._counts.pop(child, None)
        self._counters.pop(child, None)
