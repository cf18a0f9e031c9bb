"""The rebuild ledger's view of HoloViews: elements constructed, plots rendered and updated, streams triggered.

The seams are in ``hosts.holoviews``, where it is wrapped once the app has imported it.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from time import perf_counter
from typing import Any, ClassVar, NamedTuple

from ... import config as options
from ...state.interactions import current
from ...state.ledger.tree import Tree
from ...state.records import Built, Record
from ...state.safe_looks import type_name
from .. import slots
from ..callbacks.bokeh_callbacks import CallbackTimes
from ..frame import Frame, Observer
from ..hosts import Leave, holoviews
from .bokeh_elements import BokehElements, made_in
from .class_counters import ClassCounters
from .source_lines import source_line

_RENDERED, _DRAWING = slots.rendered.name, slots.drawing.name
#: Elements whose origin is known, the last ones.
_ORIGINS = 5000

#: How many of the user's functions were under way when the libraries began to make models; 0 for no such time.
_updating: ContextVar[int] = ContextVar("bokeh_exporter_updating_plots", default=0)


class _Origin(NamedTuple):
    """The interaction, the function and the line in which an element was made."""

    number: int
    function: str | None
    path: str | None
    line: int | None


class HoloviewsElements(Observer):
    """Elements, plots and streams."""

    name: ClassVar[str] = "holoviews_elements"
    level: ClassVar[options.CollectLevel] = "element"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._created = ClassCounters(frame, "holoviews_elements_created_total")
        self._updates = ClassCounters(frame, "holoviews_plot_updates_total")
        #: What lines of the user's constructed in a build under way, and what plots have drawn, by HoloViews' id.
        self._made: dict[int, dict[int, Built]] = {}
        self._drawn: dict[int, dict[int, bool]] = {}
        #: By HoloViews' id, which what it makes of an element inherits. A reused id has the origin of the last.
        self._origins: dict[int, _Origin] = {}

    def start(self) -> None:
        """Subscribe to elements, plots and streams, and to builds that have ended."""
        self.frame.find(BokehElements).checks.append(self._check)
        self._calls = self.frame.find(CallbackTimes).calls
        self.on.before("element_made", self._constructing)
        self.on.around("models_updating", self._models_updating)
        self.on.around("plot_rendering", lambda plot: self._drawing(plot, "render"))
        self.on.around("plot_updating", lambda plot: self._drawing(plot, "update"))
        self.on.before("stream_triggered", self._triggering)

    # --- events --------------------------------------------------------------------------------

    def _constructing(self, element: Any, counts: bool, place: int) -> None:
        number, cls = current.get(), type_name(type(element))
        if counts:
            self._created.count(number, cls)
        record = self.state.elements.record(number)
        if record is None:
            return
        if counts:
            record.add(Record.counted, "holoviews", "created", cls)
        site = source_line(element)
        if place == id(element):
            self._note_origin(place, number, None if self.is_librarys() else site.path, site.line)
        if site.direct and counts:
            record.add(Record.element, Tree.made, self._calls.function_here(), "holoviews", cls, site.path, site.line)
        if site.direct:
            built: Built = ("holoviews", cls, site.file, site.line)
            if record.phase == "init":
                made_in(self._made, number)[place] = built
            elif counts:
                record.add(Record.made, built)

    def _models_updating(self, owner: object) -> Leave:
        token = _updating.set(1 + len(self._calls.stack()))

        def leave(result: object, error: BaseException | None) -> None:
            with contextlib.suppress(ValueError):  # what is awaited may end in another context
                _updating.reset(token)

        return leave

    def is_librarys(self) -> bool:
        """Whether what is made now is made to draw something, not by a function or line of the user's."""
        return len(self._calls.stack()) < _updating.get()

    def _note_origin(self, place: int, number: int, path: str | None, line: int | None) -> None:
        self._origins.pop(place, None)
        if path is not None:
            self._origins[place] = _Origin(number, self._calls.function_here(), path, line)
            if len(self._origins) > _ORIGINS:
                self._origins.pop(next(iter(self._origins)), None)

    def _came(self, record: Record, number: int, frame: Any, cls: str, how: str, begin: float) -> None:
        origin = self._origins.get(holoviews.id_of(frame)) or _Origin(number, None, None, None)
        # What was made earlier is listed by its line: its function has not run now.
        function = origin.function if origin.number == number else None
        which = function, "holoviews", cls, origin.path, origin.line, None
        record.add(Record.element, Tree.came, *which, how, "", begin, perf_counter())

    def _drawing(self, plot: Any, mode: str) -> Leave | None:
        fields = plot.__dict__
        if _DRAWING in fields:
            return None
        fields[_DRAWING], begin = True, perf_counter()

        def leave(result: object, error: BaseException | None) -> None:
            fields.pop(_DRAWING, None)
            number = current.get()
            if mode == "render":
                fields[_RENDERED] = number
            elif fields.pop(_RENDERED, None) == number:
                return
            frame = holoviews.frame_of(plot)
            if error is not None or frame is None:
                return
            cls = type_name(type(frame))
            self._updates.count(number, cls, mode)
            record = self.state.elements.record(number)
            if record is None:
                return
            how = "rendered" if mode == "render" else "updated"
            record.add(Record.counted, "holoviews", how, cls)
            self._came(record, number, frame, cls, how, begin)
            if number in self._made:
                made_in(self._drawn, number).update(dict.fromkeys(holoviews.drawn_by(plot), True))

        return leave

    def _triggering(self, stream: Any) -> None:
        record = self.state.elements.record(current.get())
        if record is not None:
            record.add(Record.counted, "holoviews", "streams", type_name(type(stream)))

    # --- the first build -----------------------------------------------------------------------

    def _check(self, number: int, record: Record, document: Any) -> None:
        """Note what a build constructed and no plot has drawn, nor anything shown leads to."""
        made = self._made.pop(number, None)
        drawn = self._drawn.pop(number, {})
        if not made:
            return
        shown = {*drawn, *holoviews.shown(document)}
        record.unused.update({place: built for place, built in made.items() if place not in shown})
