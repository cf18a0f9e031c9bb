"""Where the time of an interaction goes, beside the functions and the lock, whose observers see that themselves.

The script of a build, what Panel and HoloViews do to make models and bring them up to date, and the patches that are
serialised and sent. The seams are in ``hosts``; what they add up to is said by ``state.ledger.timeline``.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, ClassVar

from ... import config as options
from ...state.interactions import current
from ...state.records import Record
from ...state.safe_looks import type_name
from ..frame import Observer
from ..hosts import Leave


class Timelines(Observer):
    """Spans of the interaction under way."""

    name: ClassVar[str] = "timelines"
    level: ClassVar[options.CollectLevel] = "element"

    def start(self) -> None:
        """Subscribe to what takes time."""
        on = self.on
        on.around("document_building", lambda *facts: self._timed("functions", "script"))
        on.around("models_updating", self._updating)
        on.around("output_replacing", lambda output, given: self._updating(output))
        on.around("plot_rendering", self._updating)
        on.around("plot_updating", self._updating)
        on.around("patch_serialising", lambda *changes: self._timed("serialise", "patch"))
        on.before("message_written", self._written)
        on.before("change_waited", self._waited)
        on.before("work_handed_over", self._handed_over)

    def _timed(self, part: str, name: str) -> Leave | None:
        number, begin = current.get(), perf_counter()
        if not number:
            return None

        def leave(result: object, error: BaseException | None) -> None:
            self.state.elements.went_on(number, part, name, begin, perf_counter())

        return leave

    def _updating(self, owner: Any) -> Leave | None:
        return self._timed("models", type_name(type(owner)))

    def _written(self, begin: float, end: float) -> None:
        number = current.get()
        if number:
            self.state.elements.went_on(number, "send", "patch", begin, end)

    def _waited(self, number: int, begin: float, end: float) -> None:
        self.state.elements.went_on(number, "lock", "wait to be sent", begin, end)

    def _handed_over(self, asked: float, began: float, ended: float, heard: float, thread: int) -> None:
        record = self.state.elements.record(current.get())
        if record is not None:
            record.add(Record.went_on, "threads", "wait for a worker thread", asked, began, thread)
            record.add(Record.went_on, "apply", "in a worker thread", began, ended, thread)
            record.add(Record.went_on, "threads", "wait for the event loop", ended, heard, thread)
