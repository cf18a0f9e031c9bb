"""The rebuild ledger's view of Panel: components constructed, alive, replaced in place or rebuilt.

Loaded always, but nothing of Panel is imported; a version without one of the seams costs what that seam counts.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial
from time import perf_counter
from types import FunctionType, MethodType
from typing import Any, ClassVar

from ... import config as options
from ...state import Level
from ...state.interactions import current
from ...state.ledger.tree import Tree
from ...state.records import Built, Record
from ...state.safe_looks import attributes, is_a, type_name
from .. import slots
from ..apps import App
from ..callbacks.bokeh_callbacks import CallbackTimes
from ..callbacks.names import name_of
from ..frame import Frame, Observer
from ..hosts import Leave, panel, panel_components
from ..hosts.bokeh_models import id_in, is_model
from .bokeh_elements import BokehElements, made_in
from .class_counters import ClassCounters
from .listeners import is_used
from .source_lines import source_line

#: Components of one update that are looked for in the page.
_RESULTS = 200


class _Alive(weakref.ref):  # type: ignore[type-arg]
    """A weak reference that knows where its object was."""

    __slots__ = ("place",)
    place: int


class PanelElements(Observer):
    """Components and replacements."""

    name: ClassVar[str] = "panel_elements"
    level: ClassVar[options.CollectLevel] = "element"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._created = ClassCounters(frame, "panel_components_created_total")
        self._replaced = ClassCounters(frame, "panel_replacements_total")
        #: Components alive, by their address. A weak reference's callback appends it, and no more.
        self._alive: dict[int, _Alive] = {}
        self._freed: deque[_Alive] = deque()
        #: What lines of the user's constructed in a build, and in an update, under way: number -> place -> what.
        self._made: dict[int, dict[int, tuple[weakref.ref[Any], Built]]] = {}
        self._results: dict[int, dict[int, tuple[weakref.ref[Any], Built]]] = {}

    def start(self) -> None:
        """Subscribe to components and outputs, and to builds that have ended."""
        self.frame.find(BokehElements).checks.append(self._check)
        self.state.elements.checks.append(self._look_for_results)
        self._calls = self.frame.find(CallbackTimes).calls
        self.on.before("component_made", self._constructing)
        self.on.around("output_replacing", self._replacing)

    def stop(self) -> None:
        """Forget the components."""
        self.state.elements.checks.remove(self._look_for_results)
        self._alive.clear()
        self._made.clear()
        self._results.clear()

    # --- events --------------------------------------------------------------------------------

    def _constructing(self, component: Any) -> None:
        place, cls = id(component), type_name(type(component))
        known = self._alive.get(place)
        if known is not None and known() is component:
            return  # a class that calls the constructor of each of its bases
        reference = self._alive[place] = _Alive(component, self._freed.append)
        reference.place = place
        number = current.get()
        self._created.count(number, cls)
        record = self.state.elements.record(number)
        if record is None:
            return
        record.add(Record.counted, "panel", "created", cls)
        site = source_line(component)
        if site.file is None:
            return
        component.__dict__[slots.site.name] = site
        if site.direct:
            record.add(Record.element, Tree.made, self._calls.function_here(), "panel", cls, site.path, site.line)
            built: Built = ("panel", cls, site.file, site.line)
            if record.phase == "init":
                made_in(self._made, number)[place] = reference, built
            else:
                record.add(Record.made, built)
                results = made_in(self._results, number)
                if len(results) < _RESULTS:
                    results[place] = reference, built

    def _replacing(self, output: Any, given: Any) -> Leave:
        old, filled, begin = panel_components.content_of(output), slots.filled.name, perf_counter()
        shown = panel_components.drawn_in(old)

        def leave(result: object, error: BaseException | None) -> None:
            first = filled not in output.__dict__
            output.__dict__[filled] = True
            new = panel_components.content_of(output)
            if new is not given and panel_components.is_component(given):
                # Panel has copied its values to the pane that was there, so it has been of use.
                self._made.get(current.get(), {}).pop(id(given), None)
            if error is not None or new is None:
                return
            if first:
                self._filled(output, new, begin)
                return
            # A pane that stays may show another plot, and then all that it is made of is another.
            drawn = panel_components.drawn_in(new)
            inside = drawn is not None and drawn is not shown
            mode, cls = ("in_place" if new is old and not inside else "rebuilt"), type_name(type(new))
            number = current.get()
            self._replaced.count(number, cls, mode)
            record = self.state.elements.record(number)
            if record is None:
                return
            record.add(Record.counted, "panel", mode, cls)
            self._tell(record, output, new, drawn if inside else None, mode, begin)
            site = new.__dict__.get(slots.site.name)
            if mode == "rebuilt" and not (site is not None and site.direct):  # else its constructor has reported it
                record.add(Record.made, ("panel", cls, None, None))

        return leave

    def _filled(self, output: Any, new: Any, begin: float) -> None:
        """Note what an output shows first in a page that is there: its loading was deferred."""
        record = self.state.elements.record(current.get())
        if record is not None and record.phase != "init" and panel_components.models_made_by(new):
            drawn = panel_components.drawn_in(new)
            how = "constructed" if drawn is None or is_model(drawn) else "rendered"
            self._tell(record, output, new, drawn, how, begin)

    def _tell(self, record: Record, output: Any, new: Any, drawn: Any, mode: str, begin: float) -> None:
        function, end = panel_components.function_of(output), perf_counter()
        label = name_of(function) if is_a(function, FunctionType, MethodType, partial) else None
        site = new.__dict__.get(slots.site.name)
        path, line = (site.path, site.line) if site is not None and site.direct else (None, None)
        which: tuple[Any, ...] = (label, "panel", type_name(type(new)), path, line, None)
        inside = ""
        if drawn is not None:
            library, model = ("bokeh", id_in(attributes(drawn) or {})) if is_model(drawn) else ("holoviews", None)
            which = label, library, type_name(type(drawn)), None, None, model
            inside = type_name(type(new))
        record.add(Record.element, Tree.came, *which, mode, inside, begin, end)

    # --- levels and checks ---------------------------------------------------------------------

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Drop the references to what is gone, so that they do not pile up."""
        self._settle()
        return ()

    def collect(self) -> Iterable[Level]:
        """Count the components that are alive."""
        if panel.has_components():
            self._settle()
            yield Level("panel_components", len(self._alive))

    def _settle(self) -> None:
        # The loop's thread and a scrape's may do it at once, so there may be nothing left after all.
        while self._freed:
            try:
                reference = self._freed.popleft()
            except IndexError:
                return
            if self._alive.get(reference.place) is reference:  # else its place was taken already
                self._alive.pop(reference.place, None)

    def _check(self, number: int, record: Record, document: Any) -> None:
        """Note the components of a build that nothing shows and nobody listens to."""
        made = self._made.pop(number, None)
        if not made:
            return
        shown = {id(each) for root in panel_components.shown(document) for each in root.select()}
        for place, (reference, built) in made.items():
            component = reference()
            used = component is not None and (
                place in shown or is_used(component)
                or any(id(each) in shown for each in panel_components.stand_ins(component))
            )  # fmt: skip
            if not used:
                record.unused[place] = built

    def _look_for_results(self, record: Record) -> None:
        """Note what an update has made that no page has. In the thread that reads records."""
        made = self._results.pop(record.interaction.number, None)
        # What refreshed something in place has left its values there, and is not needed itself.
        if not made or ("panel", "in_place") in record.counts:
            return
        try:
            found = [built for reference, built in made.values() if (one := reference()) is None or not is_used(one)]
        except RuntimeError:
            return  # something changed under the reader: not known is not missing
        record.results, record.not_in_page = len(made), found
