"""Counts of the hot path: one call into C that takes no lock and leaves nothing behind.

What only has to be counted needs no entry in the queue: ``itertools.count`` adds one in a single step of the
interpreter, so threads lose nothing, and the difference since the last look is applied to the child off the
hot path. Entries are for what carries a value, as a duration does.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any

from .events import EventCounter, EventHistogram

_COUNTER = operator.attrgetter("counter")


class Count:
    """Counts for one child of a counter, or how often 0 was observed by one of a histogram."""

    __slots__ = ("apply", "counter", "one")

    def __init__(self, apply: Callable[[int], None]) -> None:
        #: Adds so many to the child.
        self.apply = apply
        self.counter = itertools.count()
        #: Counts one. What it returns is nobody's business.
        self.one: Callable[[], Any] = self.counter.__next__


class Counts:
    """The counts of one state. Those of children that are gone go with :meth:`forget`."""

    def __init__(self) -> None:
        self._counts: dict[EventCounter | EventHistogram, Count] = {}
        #: Those that were looked at last, and what each gave. To look is to count one more, which is taken off again:
        #: ``repr``, the one way to look without it that is not deprecated, takes 2,400 instructions, this takes 50.
        self._looked: list[Count] = []
        self._gave: list[int] = []

    def of(self, child: EventCounter | EventHistogram) -> Count:
        """Return the count of a counter's child, or of the zeros that a histogram's child observes."""
        found = self._counts.get(child)
        if found is None:
            apply = child.inc if isinstance(child, EventCounter) else child.observe_zeros
            found = self._counts.setdefault(child, Count(apply))
        return found

    def settle(self, failed: Callable[[Exception], None]) -> bool:
        """Apply all of them, and say whether there was anything. Not by two threads at once."""
        counts = list(self._counts.values())
        if counts != self._looked:
            gave = dict(zip(self._looked, self._gave, strict=True))
            # One that was never looked at has given nothing, not even 0.
            self._looked, self._gave = counts, [gave.get(count, -1) for count in counts]
        before = self._gave
        now = self._gave = list(map(next, map(_COUNTER, counts)))
        if sum(now) == sum(before) + len(counts):
            return False
        for count, last, value in zip(counts, before, now, strict=True):
            if value > last + 1:
                try:
                    count.apply(value - last - 1)
                except Exception as error:
                    failed(error)
        return True

    def forget(self, child: EventCounter | EventHistogram) -> None:
        """Drop the count of a child that is removed."""
        self._counts.pop(child, None)
