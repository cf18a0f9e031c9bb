"""What resident memory gained and lost while something ran: who, doing what, in bytes.

Hooks say ``enter`` and ``leave``. Between two readings of ``/proc/self/statm`` the change belongs to the
innermost activity that ran, or to nobody (``background``); one during which two threads were at work is
``unattributed``, as no reading can separate them. What is awaited does not run: coroutines enter and
leave with each of their steps (``stepped``), so sessions that take turns on a loop do not overlap.

A reading costs 2 us and what caches lose, so a boundary takes one only where the last is older than
:data:`FRESH`, or where the outermost activity ends. Within :data:`FRESH` a change may be booked on the neighbour.
Messages that set nothing off and follow each other within :data:`CLOSE` share one reading: what is between two of
them counts as theirs, what the last ones of a row gained maybe as nobody's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from threading import get_ident
from time import perf_counter
from typing import Any

from ...state.attribution import Owner
from ...state.interactions import Interactions, current
from .blocks import Blocks
from .statm import Statm

#: Seconds within which a reading is taken for the present: too short to touch more than a few MB.
FRESH = 0.001
#: Seconds within which messages follow each other closely: a slider that is dragged sends fifty a second and more.
CLOSE = 0.02

UNATTRIBUTED = "unattributed"


class Attribution:
    """Books the change of resident memory. From any thread; one that is at work is measured, a second is noticed."""

    def __init__(self, interactions: Interactions) -> None:
        self._interactions = interactions
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
        #: Messages under way in which nothing else has begun, by thread; when the last such one ended unread.
        self._messages: dict[int, Owner] = {}
        self._unread = 0.0
        self._rss: int | None = None
        self._read_at = 0.0

    def start(self) -> None:
        """Begin to measure."""
        self._statm = self._statm or Statm()
        self._rss = self._statm.read()
        self._read_at = perf_counter()

    def stop(self) -> None:
        """Close what is open."""
        statm, self._statm, self._rss = self._statm, None, None
        if statm is not None:
            statm.close()

    def after_fork(self) -> None:
        """In a child: forget open activities and numbers, which are the parent's."""
        measures = self._statm is not None
        self.stop()
        self._reset()
        if self.blocks is not None:
            self.blocks = Blocks()
        if measures:
            self.start()

    def enter(self, app: str, activity: str, callback: str | None = None) -> bool | None:
        """Say that an app's activity begins to run in this thread; ``leave`` wants what this returns.

        ``callback`` is the label of the user's function, whose blocks are counted where that is asked for.
        """
        if self._rss is None:
            return None
        thread = get_ident()
        if self._thread == thread:
            if perf_counter() - self._read_at > FRESH:
                self._book()
            self._stack.append((app, activity))
        elif self._holding.acquire(False):
            self._thread = thread
            # On the stack before anything else: a finalizer may run hooks of ours between any two lines.
            self._stack.append((app, activity))
            now = perf_counter()
            if thread in self._messages:  # it begins within one, which is calm no longer
                self._stack.insert(0, self._messages[thread])
                if now - self._read_at > FRESH:
                    self._book()
            elif now - self._read_at > FRESH or self._unread:
                self._book_idle(now)
            if self.blocks is not None:
                self.blocks.begin()
        else:
            self._others.append(app)
            self._other, self._overlapped = app, True
            if self.blocks is not None:
                self.blocks.forget()
            return False
        self._owner = app, activity
        self._left = 0.0
        if callback is not None and self.blocks is not None:
            self.blocks.enter(None if self._overlapped else (app, callback))
        return True

    def run_message(
        self, owner: Owner, calm: Callable[..., Any], otherwise: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Apply an owner's message: one of many that follow closely holds and reads nothing until something begins.

        Where they do not follow closely, ``otherwise`` is called, which has to ``enter`` and ``leave`` by itself.
        """
        mine = self._owner is owner or self._owner is None
        if not mine or perf_counter() - self._read_at >= CLOSE or self.blocks is not None or self._rss is None:
            return otherwise(*args, **kwargs)
        thread, messages = get_ident(), self._messages
        messages[thread] = self._owner = owner
        try:
            return calm(*args, **kwargs)
        finally:
            messages.pop(thread, None)
            if self._thread == thread:
                self.leave(True)
            elif self._thread:
                self._overlapped, self._other = True, owner[0]
            elif (now := perf_counter()) - self._read_at < CLOSE:
                self._unread = now
            elif self._holding.acquire(False):
                self._thread, self._owner = thread, owner
                self._stack.append(owner)
                self.leave(True)

    def inside(self) -> bool:
        """Whether something that is measured runs in this thread."""
        return get_ident() in (self._thread, *self._messages)

    def leave(self, entered: bool | None, callback: str | None = None) -> None:
        """Say that it has ended, or waits; ``callback`` as ``enter`` was given it."""
        if entered is False and self._others:
            self._others.pop()
        if not entered:
            return
        if not (stack := self._stack) or self._thread != get_ident():  # forked meanwhile
            return
        if callback is not None and self.blocks is not None:
            self.blocks.leave()
        now = perf_counter()
        if len(stack) == 1:
            self._book()
            self._owner = None
            self._release()
            return
        if now - self._read_at > FRESH:
            self._book()
            stack.pop()
            self._owner = stack[-1]
        else:
            stack.pop()  # it keeps what is not read yet, unless what goes on takes longer
            self._left = now

    def _release(self) -> None:
        self._stack.clear()
        self._thread = 0
        if self._holding.locked():  # else forked meanwhile
            self._holding.release()

    def _book_idle(self, now: float) -> None:
        """Book what has changed while nothing ran that reads; the messages' own share of it is theirs."""
        if not self._unread or now - self._unread > CLOSE:
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
            if now - self._left > FRESH and self._stack:
                owner = self._stack[-1]
            self._left = 0.0
        if rss is None or before is None:
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

    def measures(self) -> bool:
        """Whether there is a source of these numbers."""
        return self._rss is not None

    def read(self) -> tuple[dict[Owner, int], int]:
        """Return the net bytes by app and activity, and of background."""
        if not self._messages and self._holding.acquire(False):  # nothing runs: what has changed since is nobody's
            self._thread = get_ident()
            self._stack.append(("", ""))
            try:
                self._book_idle(perf_counter())
                self._owner = None
                if self.blocks is not None:
                    self.blocks.settle()
            finally:
                self._release()
        return dict(self._bytes), self._background

    def change_of(self, number: int) -> int | None:
        """Return what an interaction gained; None if unknown, or if two threads were at work."""
        record = self._interactions.get(number)
        return record.rss_change if record is not None and record.rss_known else None

    def forget(self, app: str) -> None:
        """Drop the numbers of an app that is gone."""
        for owner in [owner for owner in list(self._bytes) if owner[0] == app]:
            self._bytes.pop(owner, None)
        if self.blocks is not None:
            self.blocks.drop(app)
