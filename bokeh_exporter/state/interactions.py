"""The interaction: what one browser event, timer, load or build sets in motion, as a small number.

The number travels in a context variable, so it follows ``await``, tasks and worker threads by
itself, and two sessions that interleave do not mix. It is a plain int because tasks copy contexts
and may never end: nothing can be kept alive by it. App and phase are packed into the number, so that
what a task does hours later still counts for its app; the record behind it is one of the last
thousand, and gone after that.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextvars import ContextVar
from time import time
from typing import Literal

Phase = Literal["init", "update"]

#: The number of the interaction under way; 0 is none.
current: ContextVar[int] = ContextVar("bokeh_exporter_interaction", default=0)

#: Bits of the app's index, below the bit of the phase. Apps that come and go use indices up.
_APP_BITS = 16
_APP_MASK = (1 << _APP_BITS) - 1
#: The bits of a number that app and phase are in; 0 where it is that of no interaction.
ORIGIN = (1 << _APP_BITS + 1) - 1
_KEPT = 1000


class Interaction:
    """What is booked on one interaction. Plain numbers and text; it refers to nothing of the host."""

    __slots__ = (
        "app", "bytes_sent", "callbacks", "errors", "kind", "messages", "models", "number", "patches", "rss_change",
        "rss_told", "seconds", "time",
    )  # fmt: skip

    def __init__(self, number: int, app: str, kind: str) -> None:
        self.number = number
        self.app = app
        #: build, event, property, periodic, timeout, next_tick or onload.
        self.kind = kind
        #: Unix time of its begin.
        self.time = time()
        #: From its begin to the end of what was begun with it; tasks may go on after that.
        self.seconds = 0.0
        #: What resident memory gained in it, as far as it was read; see ``Attribution.change_of``.
        self.rss_change: int | None = None
        self.rss_told = True
        self.messages = self.callbacks = self.errors = self.models = self.patches = self.bytes_sent = 0


class Interactions:
    """The last interactions of a process. Safe from any thread without a lock: every step is atomic."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        #: A ring: each has its place by its number, and takes the one of its forerunner a thousand before.
        self._records: list[Interaction | None] = [None] * _KEPT
        self._apps: list[str] = ["other"]
        self._indices: dict[str, int] = {"other": 0}

    def begin(self, app: str, kind: str, phase: Phase = "update") -> Interaction:
        """Make a new interaction; the caller sets :data:`current` to its number."""
        index = self._indices.get(app)
        if index is None:
            self._apps.append(app)
            index = self._indices[app] = len(self._apps) - 1 if len(self._apps) <= 1 << _APP_BITS else 0
        count = next(self._numbers)
        number = (count << _APP_BITS | index) << 1 | (phase == "update")
        record = self._records[count % _KEPT] = Interaction(number, app, kind)
        return record

    def get(self, number: int) -> Interaction | None:
        """Return the record of a number, if it is among the last ones."""
        record = self._records[(number >> _APP_BITS + 1) % _KEPT]
        return record if record is not None and record.number == number else None

    def origin(self, number: int) -> tuple[str, Phase]:
        """Return the app and phase of a number, however old; ``other`` for none."""
        if not number:
            return "other", "update"
        return self._apps[number >> 1 & _APP_MASK], "update" if number & 1 else "init"

    def __iter__(self) -> Iterator[Interaction]:
        """Iterate over the records that are left, the oldest first."""
        return iter(sorted([record for record in self._records if record is not None], key=lambda one: one.number))
