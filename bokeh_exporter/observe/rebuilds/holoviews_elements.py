"""The rebuild ledger's view of HoloViews: elements constructed, plots rendered and updated, streams triggered.

Nothing of HoloViews is imported: it hooks in once the app has imported it. A plotting backend comes later than
HoloViews itself, with ``hv.extension``, and its classes are hooked when it has.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from ... import config as options
from ...state.interactions import current
from ...state.records import Built, Record
from ..apps import KEY
from ..frame import Frame, Observer
from ..hosts.patches import Leave
from .bokeh_elements import Elements, made_in
from .class_counters import Children
from .source_lines import site_of

#: On a plot: the interaction that has rendered it. HoloViews updates it in the same breath, to no effect.
_RENDERED = KEY + "_rendered"
#: On a plot while one of its methods runs, so that its parents' are not counted as well.
_BUSY = KEY + "_busy"


class HoloviewsElements(Observer):
    """Elements, plots and streams."""

    name: ClassVar[str] = "holoviews_elements"
    level: ClassVar[options.Level] = "element"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._created = Children(frame, "holoviews_elements_created_total")
        self._updates = Children(frame, "holoviews_plot_updates_total")
        self._hooked: set[tuple[str, str]] = set()
        #: What lines of the user's constructed in a build under way, and what plots have drawn, by HoloViews' id.
        self._made: dict[int, dict[int, Built]] = {}
        self._drawn: dict[int, dict[int, bool]] = {}

    def start(self) -> None:
        """Be told of builds that have ended."""
        for observer in self.frame.observers:
            if isinstance(observer, Elements):
                observer.checks.append(self._check)

    def refresh(self) -> None:
        """Hook into HoloViews, and into the plots of each backend, once the app has imported them."""
        dimension: Any = sys.modules.get("holoviews.core.dimension")
        streams: Any
        plotting: Any
        streams, plotting = sys.modules.get("holoviews.streams"), sys.modules.get("holoviews.plotting.plot")
        self._element = getattr(sys.modules.get("holoviews.core.element"), "Element", ())
        if hasattr(dimension, "Dimensioned") and self._first("holoviews.Dimensioned", "__init__"):
            self.hook.before(
                dimension.Dimensioned, "__init__", self._constructing, "self", "data",
                hook="holoviews.Dimensioned.__init__",
            )  # fmt: skip
        if hasattr(streams, "Stream"):
            for cls in _family(streams.Stream):
                self._hook_own(cls, "_on_trigger", self._triggering, "holoviews.Stream._on_trigger", "self")
        if hasattr(plotting, "GenericElementPlot"):
            for cls in _family(plotting.GenericElementPlot):
                self._hook_own(cls, "initialize_plot", self._rendering, "holoviews.Plot.initialize_plot", "self")
                self._hook_own(cls, "update_frame", self._updating, "holoviews.Plot.update_frame", "self")

    def _first(self, owner: str, name: str) -> bool:
        if (owner, name) in self._hooked:
            return False
        self._hooked.add((owner, name))
        return True

    def _hook_own(self, cls: type, name: str, enter: Callable[..., Leave | None], hook: str, *names: str) -> None:
        if name in vars(cls) and cls.__module__.startswith("holoviews.") and self._first(repr(cls), name):
            fitted = self.patches.enabled.get(hook, True)
            self.hook.around(cls, name, enter, *names, hook=hook)
            self.patches.enabled[hook] &= fitted  # one name for many classes: all of them fit, or it does not

    # --- hooks ---------------------------------------------------------------------------------

    def _constructing(self, element: Any, *rest: object, **named: Any) -> None:
        number, cls = current.get(), type(element).__name__
        counts = isinstance(element, self._element)
        if counts:
            self._created.count(number, cls)
        record = self.state.elements.record(number)
        if record is None:
            return
        if counts:
            record.add(Record.counted, "holoviews", "created", cls)
        site = site_of(element)
        if site.direct:
            built: Built = ("holoviews", cls, site.file, site.line)
            if record.phase == "init":
                made_in(self._made, number)[named.get("plot_id") or id(element)] = built
            elif counts:
                record.add(Record.made, built)

    def _rendering(self, plot: Any, *rest: object, **named: object) -> Leave | None:
        return self._drawing(plot, "render")

    def _updating(self, plot: Any, *rest: object, **named: object) -> Leave | None:
        return self._drawing(plot, "update")

    def _drawing(self, plot: Any, mode: str) -> Leave | None:
        fields = plot.__dict__
        if _BUSY in fields:
            return None
        fields[_BUSY] = True

        def leave(result: object, error: BaseException | None) -> None:
            fields.pop(_BUSY, None)
            number = current.get()
            if mode == "render":
                fields[_RENDERED] = number
            elif fields.pop(_RENDERED, None) == number:
                return
            frame = plot.current_frame
            if error is not None or frame is None:
                return
            cls = type(frame).__name__
            self._updates.count(number, cls, mode)
            record = self.state.elements.record(number)
            if record is None:
                return
            record.add(Record.counted, "holoviews", "rendered" if mode == "render" else "updated", cls)
            if number in self._made:
                drawn = made_in(self._drawn, number)
                for each in (frame, getattr(plot, "hmap", None)):
                    drawn[getattr(each, "_plot_id", 0)] = True

        return leave

    def _triggering(self, stream: Any) -> None:
        record = self.state.elements.record(current.get())
        if record is not None:
            record.add(Record.counted, "holoviews", "streams", type(stream).__name__)

    # --- the first build -----------------------------------------------------------------------

    def _check(self, number: int, record: Record, document: Any) -> None:
        """Note what a build constructed and no plot has drawn, nor anything shown leads to."""
        made = self._made.pop(number, None)
        drawn = self._drawn.pop(number, {})
        if not made:
            return
        shown = {*drawn, *_shown(document)}
        record.unused.update({place: built for place, built in made.items() if place not in shown})


def _family(cls: Any) -> Iterator[type]:
    yield cls
    for each in type.__subclasses__(cls):
        yield from _family(each)


def _shown(document: Any) -> Iterator[int]:
    """Yield HoloViews' ids of all that the panes of a document lead to, inputs of DynamicMaps among them."""
    state, panes = sys.modules.get("panel.io.state"), sys.modules.get("panel.pane.holoviews")
    if state is None or panes is None:
        return
    roots = [root for root, _, owner, _ in list(state.state._views.values()) if owner is document]
    waiting = [pane.object for root in roots if hasattr(root, "select") for pane in root.select(panes.HoloViews)]
    seen: set[int] = set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or not hasattr(thing, "traverse"):
            continue
        seen.add(id(thing))
        for each in thing.traverse(lambda found: found):
            yield getattr(each, "_plot_id", 0)
            yield getattr(getattr(each, "_dataset", None), "_plot_id", 0)
            waiting.extend(getattr(getattr(each, "callback", None), "inputs", ()) or ())
