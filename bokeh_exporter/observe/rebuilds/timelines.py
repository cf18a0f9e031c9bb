"""Where the time of an interaction goes, beside the functions and the lock, whose observers see that themselves.

The script of a build, what Panel and HoloViews do to make models and bring them up to date, and the patches that are
serialised and sent. The seams are in ``hosts``; what they add up to is said by ``state.ledger.timeline``.
"""

from __future__ import annotations

import contextlib
from threading import get_ident
from time import perf_counter
from typing import Any, ClassVar

from ... import config as options
from ...state.interactions import current
from ...state.ledger.runs import Parameter, triggered
from ...state.records import Record
from ...state.safe_looks import ByClass, attributes, type_name
from .. import slots
from ..frame import Frame, Observer
from ..hosts import Leave, param
from .causes import label_of
from .source_lines import SourceLine, is_users_class

#: Parameters that change together and are named.
_PARAMETERS = 3
#: Parameters that are remembered, by the line that made what has them.
_KEPT = 5000
#: Seconds without anything to be seen that are a wait; less is between two steps.
_WAIT = 0.001
_SITE = slots.site.name

#: Whether a class is the user's.
_users: ByClass[bool] = ByClass(is_users_class)


class Timelines(Observer):
    """Spans of the interaction under way."""

    name: ClassVar[str] = "timelines"
    level: ClassVar[options.CollectLevel] = "element"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._parameters: dict[tuple[int, str], tuple[SourceLine, Parameter]] = {}

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
        on.around("parameters_changed", self._changed)
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
        record = self.state.elements.record(number)
        if record is not None:
            # What was changed under the lock is sent when whoever holds it has ended.
            if begin - record.touched > _WAIT:
                record.add(Record.went_on, "lock", "wait to be sent", record.touched, begin, get_ident())
            record.add(Record.went_on, "send", "patch", begin, end, get_ident())

    def _changed(self, events: Any) -> Leave | None:
        """Keep which parameters of the user's have changed, for what runs because of it."""
        number = current.get()
        changes = param.changes_in(events)[:_PARAMETERS] if number else ()
        trigger = tuple(row for each in changes if (row := self._parameter(*each)) is not None)
        if not trigger:
            return None  # a library's own, on the way from one of the user's
        token = triggered.set((number, trigger))

        def leave(result: object, error: BaseException | None) -> None:
            with contextlib.suppress(ValueError):
                triggered.reset(token)

        return leave

    def _handed_over(self, asked: float, began: float, ended: float, heard: float, thread: int) -> None:
        record = self.state.elements.record(current.get())
        if record is not None:
            record.add(Record.went_on, "threads", "wait for a worker thread", asked, began, thread)
            record.add(Record.went_on, "apply", "in a worker thread", began, ended, thread)
            record.add(Record.went_on, "threads", "wait for the event loop", ended, heard, thread)

    def _parameter(self, owner: Any, name: str) -> Parameter | None:
        """Return a parameter of what a line of the user's has made, or of a class of theirs; None for any other."""
        kind = owner if isinstance(owner, type) else type(owner)
        site = (attributes(owner) or {}).get(_SITE) if kind is not owner else None
        if site is None or not site.direct:
            return Parameter(type_name(kind), name, None, None) if _users.of(kind) else None
        known = self._parameters.get((id(site), name))
        if known is None or known[0] is not site:
            if len(self._parameters) >= _KEPT:
                self._parameters.clear()
            # A label takes ten times as long as all the rest.
            known = site, Parameter(type_name(kind), name, site.path, site.line, label_of(owner))
            self._parameters[id(site), name] = known
        return known[1]
