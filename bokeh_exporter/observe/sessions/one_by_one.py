"""Live sessions one by one, for whoever asks: models, bytes in sources, busy time, last activity, connections.

Read on the loop in slices, and only for some time after somebody has asked: a sample looks at so many sessions and for
so long, however many there are, so a round of a thousand takes twenty samples. Sessions are named by what stands for
their id. The bytes are those of the last time at which nobody held the document's lock.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from ...state import Level
from ..apps import App
from ..frame import Frame, Observer
from ..hosts.bokeh_documents import models_of
from ..hosts.bokeh_models import is_data_source
from ..hosts.bokeh_sessions import document_of, left_at, lock_is_free
from ..memory.data_sources import bytes_in
from .totals import SLICE, SessionRecord, SessionTotals, pseudonym_of

#: Seconds that a sample may take for this, and for which it goes on after a question.
_SLICE, _WANTED = 0.002, 30.0


class SessionsOneByOne(Observer):
    """Rows of the live sessions."""

    name: ClassVar[str] = "sessions_one_by_one"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._until = 0.0
        #: By the id of a loop's first context: who is left in this round, its rows so far, and those of the last round.
        self._left: dict[int, list[SessionRecord]] = {}
        self._rows: dict[int, list[dict[str, Any]]] = {}
        self._done: dict[int, tuple[float, list[dict[str, Any]]]] = {}
        self._bytes: weakref.WeakKeyDictionary[SessionRecord, int] = weakref.WeakKeyDictionary()

    # --- on the loop -----------------------------------------------------------------------------

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Read the next sessions, while somebody wants to know."""
        if now > self._until:
            self._left.clear()
            self._rows.clear()
            self._done.clear()
        elif contexts:
            self._continue(id(contexts[0][0]), contexts, now)
        return ()

    def _continue(self, key: int, contexts: Sequence[tuple[Any, App]], now: float) -> None:
        if key not in self._left:
            self._left[key] = [record for context, _ in contexts for record in SessionTotals.of(context).records()]
            self._rows[key] = []
        left, rows, until = self._left[key], self._rows[key], time.perf_counter() + _SLICE
        for _ in range(min(SLICE, len(left))):
            row = self._row(left.pop(), now)
            if row is not None:
                rows.append(row)
            if time.perf_counter() > until:
                break
        if not left:
            self._done[key] = now, rows
            del self._left[key], self._rows[key]

    def _row(self, record: SessionRecord, now: float) -> dict[str, Any] | None:
        session = record.session()
        if session is None or record.destroyed:
            return None
        document = document_of(session)
        if document is not None and lock_is_free(session):
            self._bytes[record] = bytes_in(model for model in models_of(document) if is_data_source(model))
        # Bokeh sets the time of the last leaving at creation, too.
        active = max(record.active, left_at(session), record.created or 0.0)
        return {
            "session": pseudonym_of(document),
            "app": record.app.label,
            "models": record.models,
            "data_source_bytes": self._bytes.get(record),
            "busy_seconds": record.busy if self.frame.config.includes("callback") else None,
            "last_activity": time.time() - max(0.0, now - active),
            "connections": record.connections,
            "age_seconds": now - record.created if record.created is not None else None,
        }

    # --- who asks --------------------------------------------------------------------------------

    def rows(self, wait: float) -> tuple[float | None, list[dict[str, Any]]]:
        """Return the rows of the last completed rounds, and how old they are. Not on a loop: it waits for the first.

        Args:
            wait: maximum seconds to wait for the first round.
        """
        self._until = time.monotonic() + _WANTED
        until = time.monotonic() + wait
        while not self._done and time.monotonic() < until:
            time.sleep(0.02)
        done = list(self._done.values())
        age = time.monotonic() - min(at for at, _ in done) if done else None
        return age, [row for _, rows in done for row in rows]
