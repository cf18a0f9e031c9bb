"""Totals over the sessions of a context, kept up with what changes.

No sample walks the sessions. Hooks that run where a session really changes (opened, visited, left,
models attached, a timer registered, destroyed) mark its record; a sample reads the marked sessions
again and corrects the sums by the difference. A new number of each session is a field of ``SessionRecord``, a
line in ``SessionTotals._read`` and a mark where it changes. Where many have changed at once, turns of the loop before
the sample read a part each. What changes without a place to hook, as what a
slow browser has not taken yet, is read in slices: so many sessions per sample, the sum of a completed
round.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, TypeVar

from ...catalogue import CALLBACK_KINDS
from ...state.spans import pseudonym
from .. import slots
from ..apps import App
from ..hosts.bokeh_documents import model_count, registered_callbacks
from ..hosts.bokeh_sessions import blocked_count, connection_count, connections_of, document_of, left_at

#: Sessions that are read in one slice. Each is a walk through six objects that no cache holds: 8 us.
SLICE = 50
#: Sessions that have changed and are read in one turn of the loop: 0.4 ms.
TURN = 50

Self = TypeVar("Self", bound="SessionTotals")


class SessionRecord:
    """What is known of one session. Times are ``time.monotonic()`` seconds. It refers to the session weakly."""

    __slots__ = (
        "__weakref__", "active", "app", "blocked_since", "busy", "callbacks", "connected", "connections",
        "created", "creation", "destroyed", "discarding", "marked", "models", "pseudonym", "session",
        "suspected", "totals", "unused_since", "without_page", "without_page_read",
    )  # fmt: skip

    def __init__(self, app: App, totals: SessionTotals, session: Any, created: float | None, connected: bool) -> None:
        self.app = app
        self.totals = totals
        #: None if the session is older than the exporter.
        self.created = created
        #: The span that it was made in, for links; of what kind is the writer's business.
        self.creation: object = None
        #: Whether a browser ever connected.
        self.connected = connected
        #: What stands for the session's id, made when it is asked for.
        self.pseudonym: str | None = None
        #: When its document was let go last, and for how many seconds it has been worked on in all.
        self.active = self.busy = 0.0
        self.blocked_since = 0.0
        self.discarding = False
        self.destroyed = False
        #: Whether a program opened it and no page has joined it.
        self.without_page = False
        #: Whether it waits to be read again, and whether its expiration may be blocked.
        self.marked = self.suspected = False
        #: As they were when they were read last.
        self.connections = self.models = self.without_page_read = 0
        self.unused_since = 0.0
        self.callbacks: tuple[int, ...] = ()
        append = totals.changed.append
        # Nothing but an append: this may run inside a garbage collection.
        self.session: Callable[[], Any] = weakref.ref(session, lambda gone: append(self))

    def mark(self) -> None:
        """Let the next sample read it again. Called after the change, from any thread."""
        if not self.marked:
            self.marked = True
            self.totals.changed.append(self)


def _gone() -> None:
    """Answer as the weak reference to a session that is no more."""


def pseudonym_of(document: Any) -> str | None:
    """Return what stands for the id of a document's session, if it has one."""
    record = slots.record.get(document)
    if record is None:
        return None
    if record.pseudonym is None:
        session = record.session()
        record.pseudonym = pseudonym(session.id) if session is not None else None
    return record.pseudonym


def mark(document: Any) -> None:
    """Let the next sample read the session of a document again, if it has one."""
    record = slots.record.get(document)
    if record is not None and not record.marked:
        record.mark()


class SessionTotals:
    """The sessions of one ``ApplicationContext``."""

    def __init__(self) -> None:
        self.changed: deque[SessionRecord] = deque()
        #: Whose expiration was blocked and may still be.
        self.suspects: deque[SessionRecord] = deque()
        self._records: set[SessionRecord] = set()
        self.connections = self.connected = self.models = self.largest = self.without_page = 0
        self.callbacks = dict.fromkeys(CALLBACK_KINDS, 0)
        #: Since when the one that is unused for longest has had no browser; None if all have one.
        self.unused_since: float | None = None
        #: Whether something was read since the largest and the longest unused were looked for.
        self._stale = False
        self._left: list[SessionRecord] = []
        self._round: list[tuple[int | None, float | None]] = []
        #: What the sessions of the last completed round gave.
        self.sliced: Sequence[tuple[int | None, float | None]] = ()

    @classmethod
    def of(cls: type[Self], context: Any) -> Self:
        """Return the totals of a context."""
        found: Any = slots.totals.get(context)
        if found is None:
            found = cls()
            slots.totals.put(context, found)
        return found  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: SessionRecord) -> None:
        """Take a session in; it is read with the next sample."""
        self._records.add(record)
        record.mark()

    def remove(self, record: SessionRecord) -> None:
        """Take a session out, as when it is destroyed."""
        record.destroyed = True
        record.mark()

    def records(self) -> list[SessionRecord]:
        """List what is known of the sessions, one by one."""
        return list(self._records)

    def clear(self) -> None:
        """Let go of every session at once: records and totals refer to each other, and would wait for a collection."""
        for record in list(self._records):
            record.session = _gone
        self._records.clear()
        self.changed.clear()
        self.suspects.clear()

    def refresh(self) -> SessionTotals:
        """Read what has changed since the last time. On the loop of the context."""
        if self.read(len(self.changed)) or self._stale:
            self._stale = False
            self.largest = max((record.models for record in self._records), default=0)
            self.unused_since = min(
                (record.unused_since for record in self._records if not record.connections), default=None
            )
        return self

    def read(self, most: int) -> int:
        """Read some of what has changed, without looking for the largest; return how many were read."""
        changed = self.changed
        number = min(most, len(changed))
        for _ in range(number):
            record = changed.popleft()
            record.marked = False  # before it is read: who changes it from now on marks it again
            self._read(record)
        self._stale |= number > 0
        return number

    def _read(self, record: SessionRecord) -> None:
        if record not in self._records:
            return
        session = record.session()
        connections = models = without_page = 0
        callbacks: tuple[int, ...] = ()
        if session is None or record.destroyed:
            self._records.discard(record)
        else:
            connections = connection_count(session)
            record.unused_since = left_at(session)
            without_page = int(record.without_page)
            document = document_of(session)
            if document is not None:
                kinds = registered_callbacks(document)
                models, callbacks = model_count(document), tuple(kinds.count(kind) for kind in CALLBACK_KINDS)
        self.connections += connections - record.connections
        self.connected += bool(connections) - bool(record.connections)
        self.models += models - record.models
        self.without_page += without_page - record.without_page_read
        for sign, counts in (-1, record.callbacks), (1, callbacks):
            for kind, count in zip(CALLBACK_KINDS, counts, strict=False):
                self.callbacks[kind] += sign * count
        record.connections, record.models, record.callbacks = connections, models, callbacks
        record.without_page_read = without_page

    def blocked(self, now: float) -> tuple[int, float]:
        """Return how many sessions without a browser cannot expire, and since when the first of all cannot."""
        suspects, blocked, since = self.suspects, 0, now
        for _ in range(len(suspects)):
            record = suspects.popleft()
            session = record.session()
            if session is None or record.destroyed or not blocked_count(session):
                record.suspected = False
                continue
            suspects.append(record)
            since = min(since, record.blocked_since or now)
            blocked += not record.connections
        return blocked, since

    def suspect(self, record: SessionRecord) -> None:
        """Note that a session's expiration is blocked from now on."""
        record.blocked_since = monotonic()
        if not record.suspected:
            record.suspected = True
            self.suspects.append(record)

    def slice(
        self, read: Callable[[Any], tuple[int | None, float | None]]
    ) -> Sequence[tuple[int | None, float | None]]:
        """Read the next sessions that have a browser; return what the last completed round gave.

        Args:
            read: given a connection, returns the bytes that it has not taken and when it was heard last.
        """
        if not self._left:
            self._left = [record for record in self._records if record.connections]
        part = self._left[-SLICE:]
        del self._left[-SLICE:]
        for record in part:
            session = record.session()
            for connection in connections_of(session) if session is not None else ():
                self._round.append(read(connection))
        if not self._left:
            self.sliced, self._round = self._round, []
        return self.sliced
