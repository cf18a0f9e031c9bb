"""The readings of resident memory behind its attribution: when one is taken, and whose the change is."""

from __future__ import annotations

import threading
from time import perf_counter

from ...state.attribution import Owner
from ...state.interactions import Interactions, current
from .blocks import Blocks
from .statm import Statm

#: Seconds within which a reading is taken for the present: too short to touch more than a few MB.
FRESH = 0.001
#: Seconds within which messages follow each other closely: a slider that is dragged sends fifty a second and more.
CLOSE = 0.02

UNATTRIBUTED = "unattributed"


class Readings:
    """What has been booked, and who holds. In one thread at a time: the one that holds."""

    def __init__(self, interactions: Interactions) -> None:
        self._interactions = interactions
        #: Nothing is close to anything where nothing is measured, or blocks are counted at each boundary.
        self._fresh, self._close = FRESH, 0.0
        self._statm: Statm | None = None
        #: Set where blocks of Python's allocator are booked on callbacks too.
        self.blocks: Blocks | None = None
        self._reset()

    def _reset(self) -> None:
        #: Owner -> net bytes. Written by whoever holds ``_holding``.
        self._bytes: dict[Owner, int] = {}
        self._background = 0
        #: Held from the outermost enter to its leave.
        self._holding = threading.Lock()
        self._thread = 0
        self._stack: list[Owner] = []
        #: The apps of the activities under way in other threads than the measured one.
        self._others: list[str] = []
        self._other = ""
        self._overlapped = False
        self._owner: Owner | None = None
        self._left = 0.0
        #: Messages under way in which nothing else has begun, by thread; when the last one began, and ended unread.
        self._messages: dict[int, Owner] = {}
        self._began = self._unread = 0.0
        #: Whose the row is: some app's functions', which ran within a message and read nothing.
        self._quick: Owner | None = None
        self._rss: int | None = None
        self._read_at = 0.0

    def start(self) -> None:
        """Begin to measure."""
        self._statm = self._statm or Statm()
        self._rss = self._statm.read()
        self._read_at = perf_counter()
        self._close = CLOSE if self._rss is not None and self.blocks is None else 0.0

    def stop(self) -> None:
        """Close what is open."""
        statm, self._statm, self._rss, self._close = self._statm, None, None, 0.0
        if statm is not None:
            statm.close()

    def _release(self) -> None:
        self._stack.clear()
        self._thread = 0
        if self._holding.locked():  # else forked meanwhile
            self._holding.release()

    def _book_idle(self, now: float) -> None:
        """Book what has changed while nothing ran that reads; the messages' own share of it is theirs."""
        if not self._unread or now - self._unread > self._close:
            self._owner = None
        self._book()

    def _book(self) -> None:
        """Read, and book the change since the last reading. Only in the thread that holds."""
        now = perf_counter()
        before, statm, self._read_at = self._rss, self._statm, now
        unread, self._unread = self._unread, 0.0
        rss = self._rss = statm.read() if statm is not None else None
        overlapped, self._overlapped = self._overlapped, bool(self._others)
        owner = self._owner
        for elsewhere in [app for thread, (app, _) in list(self._messages.items()) if thread != self._thread]:
            overlapped, self._other = True, elsewhere
        if self._left:
            if now - self._left > self._fresh and self._stack:
                owner = self._stack[-1]
            self._left = 0.0
        if rss is None or before is None:
            self._close = 0.0
            return
        change = rss - before
        if owner is None and not overlapped:
            self._background += change
            return
        # What messages before this one have left unread is not this one's.
        record = self._interactions.get(current.get()) if not unread else None
        if record is not None:
            record.rss_known = record.rss_known and not overlapped
            record.rss_change = (record.rss_change or 0) + change
        if change:
            key = owner if owner is not None and not overlapped else (owner[0] if owner else self._other, UNATTRIBUTED)
            self._bytes[key] = self._bytes.get(key, 0) + change
