"""Since when: what earlier searches found of each holder, as sums. Bounded; no path, key or object is kept."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

#: Holders that are remembered; a program that leaks has some.
HOLDERS = 200


@dataclass(frozen=True)
class Since:
    """What is known of a holder: Unix times, and bytes. None where there was no picture before."""

    first: float
    change: int | None = None
    change_since: float | None = None

    def text(self) -> str:
        """Say it: ``+310 MB since 14:00, first seen Tuesday 09:12``."""
        first = f"first seen {time.strftime('%A %H:%M', time.localtime(self.first))}"
        if self.change is None or self.change_since is None:
            return first
        since = time.strftime("%H:%M", time.localtime(self.change_since))
        return f"{'+' if self.change >= 0 else '-'}{size(abs(self.change))} since {since}, {first}"


class HolderHistory:
    """The sums of one exporter.

    Args:
        clock: returns the Unix time.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        #: By holder: when first seen, when last, bytes then.
        self._seen: OrderedDict[tuple[str, ...], tuple[float, float, int | None]] = OrderedDict()

    def seen(self, holder: tuple[str, ...], held: int | None) -> Since:
        """Remember what a holder retains now, and return since when it does."""
        now = self._clock()
        with self._guard:
            first, last, before = self._seen.pop(holder, (now, now, None))
            self._seen[holder] = (first, now, held)
            while len(self._seen) > HOLDERS:
                self._seen.popitem(last=False)
        if before is None or held is None:
            return Since(first)
        return Since(first, held - before, last)


def size(number: int) -> str:
    """Write bytes for a person."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= factor:
            return f"{number / factor:.1f} {unit}" if number < 10 * factor else f"{number / factor:.0f} {unit}"
    return f"{number} B"
