"""What one session is made of: each element that a line of the user's made, with what it cost and whether it is shown.

Only for a process that ``bokeh-exporter inspect`` has started (option ``inventory``): constructors are timed at their
metaclass, import statements too, and the answer walks the models of the document. It is made on the loop, in a sample,
while the document's lock is free. Weak references are kept of elements, and no values of theirs.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any, ClassVar

from ... import config as options
from ...state import Level
from ...state.interactions import current
from ..apps import App
from ..frame import Frame, Observer
from ..hosts import Leave, holoviews, panel_components
from ..hosts.bokeh_sessions import lock_is_free
from ..hosts.imports import ImportTimes
from .holoviews_elements import HoloviewsElements
from .inventory_rows import Made, Shown, variables
from .places import place_of
from .source_lines import NOWHERE, is_users_file, source_line

#: Elements that are kept; a session of more is not read by a person. And ids of models.
_KEPT, _ATTACHED = 20_000, 500_000
#: Seconds to wait for a sample that makes the answer.
_PATIENCE = 30.0


class Inventory(Observer):
    """Elements of the last session."""

    name: ClassVar[str] = "inventory"
    level: ClassVar[options.CollectLevel] = "element"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._made: dict[int, Made] = {}
        #: Of elements that are gone, in whose place something else may have come.
        self._gone: list[Made] = []
        #: What is being rendered now, so that a class that calls its base's counts once.
        self._rendering: set[int] = set()
        #: Ids of models that documents have taken up.
        self._attached: set[str] = set()
        self._opened_last: Any = None
        self._build = 0
        self._imports = ImportTimes()
        self._asked, self._answered = threading.Event(), threading.Event()
        self._answer: dict[str, Any] = {}

    def start(self) -> None:
        """Subscribe to constructors, if that is wanted."""
        if not self.frame.config.inventory:
            return
        self._imports.start()
        self.on.around("element_constructing", self._constructing)
        self.on.around("component_rendering", lambda component: self._timing(component, [id(component)]))
        self.on.around("plot_rendering", self._plotting)
        self.on.around("plot_updating", self._updating)
        self.on.around("output_replacing", self._replacing)
        self.on.before("model_made", lambda model: self._note("bokeh", model, str(model.id)))
        self.on.before("component_made", lambda component: self._note("panel", component, id(component)))
        self._holoviews = self.frame.find(HoloviewsElements)
        self.on.before("element_made", self._element)
        self.on.after("models_recomputed", self._recomputed)
        self.on.before("session_made", self._opened)

    def stop(self) -> None:
        """Forget it all."""
        self._imports.stop()
        self._made.clear()
        self._gone.clear()

    # --- events --------------------------------------------------------------------------------

    def _opened(self, session: Any, document: object, context: object) -> None:
        self._opened_last, self._build = weakref.ref(session), current.get()

    def _recomputed(self, document: object, before: dict[str, Any], after: dict[str, Any], *times: float) -> None:
        if len(self._attached) < _ATTACHED:
            self._attached.update(after.keys() - before.keys())

    def _element(self, element: Any, counts: bool, key: int) -> None:
        # To draw an element HoloViews makes copies of it, and containers that nobody knows.
        if not self._holoviews.is_librarys():
            self._note("holoviews", element, key)

    def _note(self, library: str, element: Any, key: int | str) -> None:
        known = self._made.get(id(element))
        if (known is not None and known.reference() is element) or len(self._made) + len(self._gone) >= _KEPT:
            return
        site = source_line(element)
        output = library == "panel" and panel_components.is_output(element)
        if site is NOWHERE or not (site.direct or output or library == "holoviews"):
            return
        made = Made(library, element, key, site.direct, place_of(element, site.line), self._now())
        if known is not None:
            self._gone.append(known)
        self._made[id(element)] = made

    def _now(self) -> float:
        """Return the time of the interaction under way, by which its record is found."""
        record = self.state.interactions.get(current.get())
        return record.time if record is not None else 0.0

    def _constructing(self, cls: type) -> Leave:
        start = perf_counter()

        def leave(result: object, error: BaseException | None) -> None:
            made = self._made.get(id(result))
            if made is not None:
                made.seconds += perf_counter() - start

        return leave

    def _plotting(self, plot: Any) -> Leave:
        start = perf_counter()

        def leave(result: object, error: BaseException | None) -> None:
            keys = set(holoviews.drawn_by(plot))  # known only now
            for made in [each for each in list(self._made.values()) if each.key in keys]:
                made.rendered.append(self._now())
                made.seconds += perf_counter() - start

        return leave

    def _updating(self, plot: Any) -> Leave:
        def leave(result: object, error: BaseException | None) -> None:
            keys = set(holoviews.drawn_by(plot))
            for made in list(self._made.values()):
                made.updated = made.updated or made.key in keys

        return leave

    def _replacing(self, output: Any, given: Any) -> Leave:
        def leave(result: object, error: BaseException | None) -> None:
            made = self._made.get(id(given))
            if made is not None and made.library == "panel" and panel_components.content_of(output) is not given:
                made.copied = True

        return leave

    def _timing(self, owner: Any, places: Sequence[int]) -> Leave | None:
        """Book the time of what begins on elements, given by their addresses."""
        if id(owner) in self._rendering:
            return None
        self._rendering.add(id(owner))
        for place in places:
            if place in self._made:
                self._made[place].rendered.append(self._now())
        start = perf_counter()

        def leave(result: object, error: BaseException | None) -> None:
            self._rendering.discard(id(owner))
            for place in places:
                if place in self._made:
                    self._made[place].seconds += perf_counter() - start

        return leave

    # --- the answer ----------------------------------------------------------------------------

    def study(self, query: Mapping[str, list[str]]) -> tuple[Mapping[str, object], str]:
        """Answer ``POST /debug/inventory``, in a thread that may wait.

        Raises:
            ValueError: there is no session, or its document has been locked for half a minute.
        """
        self._answered.clear()
        self._asked.set()
        if not self._answered.wait(_PATIENCE):
            self._asked.clear()
            raise ValueError("there is no session, or a callback holds its document")
        return self._answer, f"{len(self._answer['elements'])} elements"

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Make the answer that somebody waits for."""
        session = self._opened_last() if self._opened_last is not None else None
        if self._asked.is_set() and session is not None and not session.destroyed and lock_is_free(session):
            self._asked.clear()
            self._answer = self._inventory(session.document)
            self._answered.set()
        return ()

    def _inventory(self, document: Any) -> dict[str, Any]:
        record = self.state.elements.record(self._build)
        build = self.state.interactions.get(self._build)
        shown = Shown(
            document, self._attached, set(record.unused) if record is not None else set(), build.time if build else 0.0
        )
        named = variables()
        drawn = [made for made in self._made.values() if made.rendered or made.updated]
        last = {made.key: made for made in drawn if made.library == "holoviews"}
        rows = [
            row for made in [*self._gone, *list(self._made.values())]
            # hvplot makes one element of another: what is drawn is the last.
            if (made.direct or made.library != "holoviews" or last.get(made.key) is made)
            and (row := shown.row(made, made.reference(), named)) is not None
        ]  # fmt: skip
        listed = {id(made.reference()) for made in self._made.values() if made.direct}
        rows += [row for each in named if each not in listed and (row := shown.named(each, named)) is not None]
        return {
            "build": build.time if build is not None else 0.0,
            "imports": [
                {**each._asdict(), "users": is_users_file(each.path, each.importer)}
                for each in list(self._imports.found)
            ],
            "elements": rows,
        }
