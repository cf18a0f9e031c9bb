"""The rebuild ledger: what each interaction triggered, built, rebuilt and left unused.

Hooks append small tuples to a record, which takes no lock and 0.1 us; a reader folds them into counts.
A record is text and numbers: it refers to nothing of the host. The last of them are kept.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from threading import get_ident
from time import perf_counter
from typing import Any

from .interactions import Interactions, ordinal
from .ledger.runs import triggered
from .ranking import most_rebuilt
from .records import Record

KEPT = 200
#: Of those that are quiet fewer: a mouse that moves over a plot would drive all others out.
_QUIET = 100


class Elements:
    """The last records. Off, and empty, below the level ``element``."""

    def __init__(self, interactions: Interactions) -> None:
        #: Whether anything is to be recorded.
        self.on = False
        #: How many records.
        self.kept = KEPT
        #: Called with each record that is over, by the one who reads it, to say what has become of what it made.
        self.checks: list[Callable[[Record], None]] = []
        self._interactions = interactions
        self._records: dict[int, Record] = {}
        self._dropped: deque[Record] = deque(maxlen=KEPT)
        #: Those that are over and in which nothing of the user's ran; how many there were, by app.
        self._quiet: dict[int, Record] = {}
        self.quiet: dict[str, int] = {}
        self._making = threading.Lock()
        self._folding = threading.Lock()

    def record(self, number: int) -> Record | None:
        """Return the record of an interaction, made if there is none; None where the interaction is forgotten."""
        record = self._records.get(number)
        if record is not None or not number:
            return record
        interaction = self._interactions.get(number)
        if interaction is None:
            return None
        with self._making:
            record = self._records.get(number) or self._quiet.pop(number, None)
            if record is not None:
                record.reported = False  # something happens in it after all
                self._records[number] = record
            else:
                record = Record(interaction, self._interactions.origin(number)[1])
                self._records[number] = record
                if len(self._records) > self.kept:
                    oldest = self._records.pop(next(iter(self._records)))
                    if not oldest.reported:
                        self._dropped.append(oldest)
        return record

    def enter(self, number: int) -> None:
        """Note that a function begins."""
        record = self._records.get(number) or self.record(number)
        if record is not None:
            record.open += 1

    def leave(
        self, number: int, name: str | None = None, begin: float = 0.0, seconds: float = 0.0, busy: float = 0.0,
        failed: bool = False, calls: int = 1, caller: str | None = None,
    ) -> None:  # fmt: skip
        """Note that a function or a step of one has ended.

        ``name`` is None for a framework's, which is not listed; ``begin`` is by ``perf_counter``; ``caller`` is the
        function of the user's in which it ran.
        """
        record = self._records.get(number) or self.record(number)
        if record is not None:
            record.open -= 1
            record.touched = perf_counter()
            if name is not None:
                of, trigger = triggered.get()
                trigger = trigger if of == number else ()
                record.add(Record.ran, name, begin, seconds, busy, failed, calls, get_ident(), caller, trigger)

    def went_on(self, number: int, part: str, name: str, begin: float, end: float) -> None:
        """Note what went on in an interaction from when to when, by ``perf_counter``; see ``timeline.PARTS``."""
        record = self._records.get(number) or self.record(number)
        if record is not None:
            record.add(Record.went_on, part, name, begin, end, get_ident())

    def finished(self) -> list[Record]:
        """Return, once each, the records of interactions that are over."""
        now = perf_counter()
        with self._folding:
            found = [self._dropped.popleft() for _ in range(len(self._dropped))]
            found += [each for each in list(self._records.values()) if not each.reported and each.over(now)]
            for each in found:
                each.reported = True
                each.fold()
                for check in self.checks:
                    check(each)
                each.settle()
                each.replaced.clear()
                if each.quiet:
                    self._set_aside(each)
        return found

    def _set_aside(self, record: Record) -> None:
        one = record.interaction
        self.quiet[one.app] = self.quiet.get(one.app, 0) + 1
        with self._making:
            if self._records.pop(one.number, None) is not None:
                self._quiet[one.number] = record
            while len(self._quiet) > _QUIET:
                self._quiet.pop(next(iter(self._quiet)))

    def recent(self, count: int = KEPT, quiet: bool = True, session: str = "") -> list[dict[str, Any]]:
        """Return the last interactions as JSON can hold them, the newest first.

        Args:
            count: how many at most.
            quiet: whether those are among them in which nothing of the user's ran.
            session: only those of this one, by what stands for its id.
        """
        records = [*self._folded(), *(self._quiet.copy().values() if quiet else ())]
        records.sort(key=lambda each: -each.interaction.number)
        wanted = [each for each in records if (quiet or not each.quiet) and session in ("", each.session)]
        return [each.as_json() for each in wanted[:count]]

    def find(self, count: int) -> Record | None:
        """Return the record of the interaction that ``number`` names in JSON."""
        records = [*self._folded(), *self._quiet.copy().values()]
        return next((each for each in records if ordinal(each.interaction.number) == count), None)

    def most_rebuilt(self) -> list[dict[str, Any]]:
        """Return what is rebuilt most per interaction of its app, as JSON can hold it."""
        return most_rebuilt(
            [(one.interaction.app, one.built) for one in self._folded() if one.phase == "update" and not one.quiet]
        )

    def _folded(self) -> list[Record]:
        with self._folding:
            records = list(self._records.values())
            for each in records:
                each.fold()
        return records

    def after_fork(self) -> None:
        """In a forked server process: the locks may have been held, and the records are the parent's."""
        self._making, self._folding = threading.Lock(), threading.Lock()
        self._records.clear()
        self._quiet.clear()
        self._dropped.clear()
