"""What resident memory gained and lost while something ran: who, doing what, in bytes.

Hooks say ``enter`` and ``leave``. Between two readings of ``/proc/self/statm`` the change belongs to the
innermost activity that ran, or to nobody (``background``); one during which two threads were at work is
``unattributed``, as no reading can separate them. What is awaited does not run: coroutines enter and
leave with each of their steps (``stepped``), so sessions that take turns on a loop do not overlap.

A reading costs 2 us and what caches lose, so a boundary takes one only where the last is older than ``FRESH``
(``readings``), or where the outermost activity ends. Within ``FRESH`` a change may be booked on the neighbour.
Messages that follow each other within ``CLOSE`` share one reading, where each takes less than ``FRESH`` and sets off no
more than functions that do: what is between two of them counts as theirs, or as the functions' if one ran; what the
last ones of a row gained maybe as nobody's.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from time import perf_counter
from typing import Any

from ...state.attribution import Owner
from .blocks import Blocks
from .readings import Readings


class Attribution(Readings):
    """Books the change of resident memory. From any thread; one that is at work is measured, a second is noticed."""

    def after_fork(self) -> None:
        """In a child: forget open activities and numbers, which are the parent's."""
        measures = self._statm is not None
        self.stop()
        self._reset()
        if self.blocks is not None:
            self.blocks = Blocks()
        if measures:
            self.start()

    def enter(self, app: str, activity: str, callback: str | None = None) -> bool | float | None:
        """Say that an app's activity begins to run in this thread; ``leave`` wants what this returns.

        ``callback`` is the label of the user's function, whose blocks are counted where that is asked for.
        """
        if self._rss is None:
            return None
        thread = get_ident()
        if thread in self._messages and not self._thread and activity == "callback":
            now = perf_counter()
            if now - self._began < self._fresh and now - self._read_at < self._close:
                self._messages[thread] = self._owner = self._quick = app, activity
                return now  # it holds and reads nothing, unless it takes long
        if self._thread == thread:
            if perf_counter() - self._read_at > self._fresh:
                self._book()
            self._stack.append((app, activity))
        elif self._holding.acquire(False):
            self._thread = thread
            # On the stack before anything else: a finalizer may run hooks of ours between any two lines.
            self._stack.append((app, activity))
            now = perf_counter()
            if thread in self._messages:  # it begins within one, which is calm no longer
                self._stack.insert(0, self._messages[thread])
                if now - self._read_at > self._fresh:
                    self._book()
            elif now - self._read_at > self._fresh or self._unread:
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
        self, owner: Owner, call: Callable[[], Any], apart: Callable[[Owner, Callable[[], Any]], Any]
    ) -> Any:
        """Apply an owner's message: one of many that follow closely holds and reads nothing until something begins.

        Where they do not follow closely, ``apart`` is called, which has to ``enter`` and ``leave`` by itself.
        """
        now, was = perf_counter(), self._owner
        if was is not owner:
            if was is None:
                self._owner = owner
            elif was is not self._quick or was[0] != owner[0]:
                return apart(owner, call)
        if now - self._read_at >= self._close:
            return apart(owner, call)
        thread, messages, self._began = get_ident(), self._messages, now
        messages[thread] = owner
        try:
            return call()
        finally:
            owner = messages.pop(thread, owner)
            if not self._thread:
                end = perf_counter()
                if end - now < self._fresh and end - self._read_at < self._close:
                    self._unread = end
                else:
                    self._read_of(thread, owner)
            elif self._thread == thread:
                self.leave(True)
            else:
                self._overlapped, self._other = True, owner[0]

    def _read_of(self, thread: int, owner: Owner) -> None:
        """Read within a message, or at its end; what was gained is an owner's."""
        if not self._holding.acquire(False):
            self._overlapped, self._other = True, owner[0]
            return
        self._thread, self._owner = thread, owner
        self._stack.append(owner)
        self._book()
        self._owner = None  # another row begins
        self._release()

    def inside(self) -> bool:
        """Whether something that is measured runs in this thread."""
        return get_ident() in (self._thread, *self._messages)

    def leave(self, entered: bool | float | None, callback: str | None = None) -> None:
        """Say that it has ended, or waits; ``callback`` as ``enter`` was given it."""
        if entered is not True:
            if entered is False:
                if self._others:
                    self._others.pop()
            elif entered is not None and perf_counter() - entered >= self._fresh:
                owner = self._messages.get(get_ident())
                if owner is not None and self._thread != get_ident():  # else what began inside reads at its end
                    self._read_of(get_ident(), owner)
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
        if now - self._read_at > self._fresh:
            self._book()
            stack.pop()
            self._owner = stack[-1]
        else:
            stack.pop()  # it keeps what is not read yet, unless what goes on takes longer
            self._left = now

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
