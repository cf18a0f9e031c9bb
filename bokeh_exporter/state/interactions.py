"""The interaction: what one browser event, timer, load or build sets in motion, as a small number.

The number travels in a context variable, so it follows ``await``, tasks and worker threads by
itself, and two sessions that interleave do not mix. It is a plain int because tasks copy contexts
and may never end: nothing can be kept alive by it. App and phase are packed into the number, so that
what a task does hours later still counts for its app; the record behind it is one of the last
250, or of an async function that runs, and gone after that.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from time import time
from typing import Any, Literal

from .ledger.changes import Share, shared

Phase = Literal["init", "update"]

#: The number of the interaction under way; 0 is none.
current: ContextVar[int] = ContextVar("bokeh_exporter_interaction", default=0)

#: Where what is sent now holds changes of several interactions: the number of each change's.
_shared: ContextVar[Sequence[int]] = ContextVar("bokeh_exporter_shared", default=())

#: What is in the message that is sent now, where that is known: at the level ``element``.
_message: ContextVar[list[Share] | None] = ContextVar("bokeh_exporter_message", default=None)

#: Bits of the app's index, below the bit of the phase. Apps that come and go use indices up.
_APP_BITS = 16
_APP_MASK = (1 << _APP_BITS) - 1
#: The bits of a number that app and phase are in; 0 where it is that of no interaction.
ORIGIN = (1 << _APP_BITS + 1) - 1
_COUNT = _APP_BITS + 1
#: Bits that are all 0 in the number of every sixteenth interaction.
SIXTEENTH = 15 << _COUNT
#: Records that are kept, less one: so many that their number is a mask.
_LAST = (1 << 8) - 1


def ordinal(number: int) -> int:
    """Return which interaction of the process a number is, for whoever is to name it."""
    return number >> _COUNT


async def sent_for(number: int, sending: Awaitable[Any]) -> Any:
    """Await what sends a change, in the name of the interaction that made it."""
    if not number or number == current.get():
        return await sending
    token = current.set(number)
    try:
        return await sending
    finally:
        with suppress(ValueError):  # a coroutine that never ended is closed in whatever context collects it
            current.reset(token)


def senders(changes: int) -> Sequence[int]:
    """Return whose so many changes are that are sent now, the number of an interaction for each."""
    return _shared.get() or (current.get(),) * changes


@contextmanager
def sending_for(numbers: Sequence[int]) -> Iterator[None]:
    """Let what is sent inside belong to the interactions that made its changes, given the number of each change's.

    Where that is one, it is the current one; several share the bytes by how many of the changes are theirs.
    """
    different = set(numbers)
    token = current.set(numbers[0]) if len(different) == 1 and numbers[0] else None
    several = _shared.set(numbers if len(different) > 1 else ())
    try:
        yield
    finally:
        with suppress(ValueError):  # as in sent_for
            _shared.reset(several)
            if token is not None:
                current.reset(token)


@contextmanager
def sending_message(shares: list[Share]) -> Iterator[None]:
    """Let what is sent inside belong to changes by their weights; none are as if it were not known."""
    token = _message.set(shares)
    try:
        yield
    finally:
        with suppress(ValueError):  # as in sent_for
            _message.reset(token)


def message_made(shares: list[Share]) -> None:
    """Say what is in a message that was made inside of ``sending_message``, to be sent there."""
    known = _message.get()
    if known is not None:
        known[:] = shares


class Interaction:
    """What is booked on one interaction. Plain numbers and text; it refers to nothing of the host."""

    # Zeros are the class's until something is booked, which most messages do not come to.
    #: From its begin to the end of what was begun with it; tasks may go on after that.
    seconds = 0.0
    #: What resident memory gained in it, as far as it was read; see ``Attribution.change_of``.
    rss_change: int | None = None
    rss_known = True
    messages = callbacks = errors = models = patches = bytes_sent = 0
    #: Async functions under way in it.
    running = 0

    # No ``__init__``: one call less for each message. See ``Interactions.beginner``.
    number: int
    app: str
    #: build, event, property, periodic, timeout, next_tick or onload.
    kind: str
    #: Unix time of its begin.
    time: float


class Interactions:
    """The last interactions of a process. Safe from any thread without a lock: every step is atomic."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        #: A ring: each has its place by its number, and takes the one of its forerunner 256 before.
        self._records: list[Interaction | None] = [None] * (_LAST + 1)
        #: Those that async functions run in.
        self._running: dict[int, Interaction] = {}
        self._apps: list[str] = ["other"]
        self._beginners: dict[tuple[str, Phase], Callable[[str], Interaction]] = {}
        self._origins: dict[tuple[str, Phase], int] = {("other", "init"): 0, ("other", "update"): 1}

    def begin(self, app: str, kind: str, phase: Phase = "update") -> Interaction:
        """Make a new interaction; the caller sets :data:`current` to its number."""
        begin = self._beginners.get((app, phase))
        if begin is None:
            begin = self._beginners[app, phase] = self.beginner(app, phase)
        return begin(kind)

    def beginner(self, app: str, phase: Phase = "update") -> Callable[[str], Interaction]:
        """Return what begins interactions of an app and phase, given their kind: for the hot path."""
        origin, take, records = self._origin(app, phase), self._numbers.__next__, self._records

        def begin(kind: str) -> Interaction:
            count = take()
            record = Interaction()
            record.number, record.app, record.kind, record.time = count << _COUNT | origin, app, kind, time()
            records[count & _LAST] = record
            return record

        return begin

    def _origin(self, app: str, phase: Phase) -> int:
        """Return what is packed into the numbers of an app's interactions of a phase."""
        index = self._origins.get((app, "init"))
        if index is None:
            self._apps.append(app)
            index = (self._apps.index(app) if len(self._apps) <= 1 << _APP_BITS else 0) << 1
            self._origins[app, "init"], self._origins[app, "update"] = index, index | 1
        return self._origins[app, phase]

    def get(self, number: int) -> Interaction | None:
        """Return the record of a number, if it is among the last ones or an async function runs in it."""
        record = self._records[number >> _COUNT & _LAST]
        return record if record is not None and record.number == number else self._running.get(number)

    def sent(self, size: int) -> None:
        """Book bytes that are sent now."""
        message = _message.get()
        if message:
            for (change, _), part in zip(message, shared(size, [weight for _, weight in message]), strict=True):
                self._book(change.number if change is not None else current.get(), part)
                if change is not None:
                    change.bytes += part
            return
        numbers = _shared.get()
        if not numbers:
            self._book(current.get(), size)
            return
        for number, changes in Counter(numbers).items():
            self._book(number, size * changes // len(numbers))

    def _book(self, number: int, size: int) -> None:
        record = self.get(number)
        if record is not None:
            record.bytes_sent += size

    def enter(self, number: int) -> None:
        """Keep a record until ``leave``, which an async function of it is sure to come to. On its thread's loop."""
        record = self.get(number)
        if record is not None:
            record.running += 1
            self._running[number] = record

    def leave(self, number: int) -> None:
        """Say that an async function of an interaction has ended."""
        record = self._running.get(number)
        if record is not None:
            record.running -= 1
            if not record.running:
                self._running.pop(number, None)

    def origin(self, number: int) -> tuple[str, Phase]:
        """Return the app and phase of a number, however old; ``other`` for none."""
        if not number:
            return "other", "update"
        return self._apps[number >> 1 & _APP_MASK], "update" if number & 1 else "init"

    def __iter__(self) -> Iterator[Interaction]:
        """Iterate over the records that there are, the oldest first."""
        found = {record.number: record for record in self._records if record is not None}
        found.update(list(self._running.items()))
        return iter(sorted(found.values(), key=lambda one: one.number))
