"""What happened, for whoever passes it on: a bounded queue of events, none of them kept while nobody listens."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from .queue import taken

#: Events between two looks of the watcher, of which there are four a second.
KEPT = 2000

CREATED = "bokeh.session.created"
DESTROYED = "bokeh.session.destroyed"
UNCOLLECTED = "bokeh.session.uncollected"
REBUILT = "bokeh.element.rebuilt"
STALLED = "bokeh.event_loop.stalled"
VERDICT = "bokeh.memory.verdict"
GATHERED = "bokeh.rule.gathered"


class Notice(NamedTuple):
    """One event: its name, Unix time, whether somebody should look at it, and bounded attributes."""

    name: str
    time: float
    warns: bool
    attributes: Mapping[str, str | float | int]


class Notices:
    """The events that nobody has taken yet. From any thread, without a lock.

    Attributes:
        on: whether somebody listens; ask it before you compute attributes.
        dropped: how many found no room.
    """

    def __init__(self) -> None:
        self.on = False
        self.dropped = 0
        self._events: deque[Notice] = deque()

    def emit(self, name: str, attributes: Mapping[str, str | float | int], *, warns: bool = False) -> None:
        """Add an event, if anybody listens."""
        if not self.on:
            return
        if len(self._events) >= KEPT:
            self.dropped += 1
            return
        self._events.append(Notice(name, time.time(), warns, attributes))

    def take(self) -> list[Notice]:
        """Take what there is."""
        return taken(self._events)
