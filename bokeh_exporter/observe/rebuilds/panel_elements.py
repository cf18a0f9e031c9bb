"""The rebuild ledger's view of Panel: components constructed, alive, replaced in place or rebuilt.

Loaded always, but nothing of Panel is imported: it hooks in once the app has imported it, and a version
without one of the hooks costs what that hook counts.
"""

from __future__ import annotations

import sys
import weakref
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from ... import config as options
from ...state import Level
from ...state.interactions import current
from ...state.records import Built, Record
from ..apps import KEY, App
from ..frame import Frame, Observer
from ..hosts.patches import Leave
from .bokeh_elements import Elements, made_in
from .causes import SITE
from .class_counters import Children
from .source_lines import site_of

#: On an output that has been filled: what comes next is a replacement.
_FILLED = KEY + "_filled"


class _Alive(weakref.ref):  # type: ignore[type-arg]
    """A weak reference that knows where its object was."""

    __slots__ = ("place",)
    place: int


class PanelElements(Observer):
    """Components and replacements."""

    name: ClassVar[str] = "panel_elements"
    level: ClassVar[options.Level] = "element"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._created = Children(frame, "panel_components_created_total")
        self._replaced = Children(frame, "panel_replacements_total")
        #: Components alive, by their address. A weak reference's callback appends it, and no more.
        self._alive: dict[int, _Alive] = {}
        self._freed: deque[_Alive] = deque()
        self._made: dict[int, dict[int, tuple[weakref.ref[Any], Built]]] = {}

    def start(self) -> None:
        """Be told of builds that have ended."""
        for observer in self.frame.observers:
            if isinstance(observer, Elements):
                observer.checks.append(self._check)

    def refresh(self) -> None:
        """Hook into Panel once the app has imported it."""
        viewable: Any
        base: Any
        viewable, base = sys.modules.get("panel.viewable"), sys.modules.get("panel.pane.base")
        enabled = self.patches.enabled
        if hasattr(viewable, "Viewable") and "panel.Viewable.__init__" not in enabled:
            self.hook.before(
                viewable.Viewable, "__init__", self._constructing, "self", hook="panel.Viewable.__init__"
            )  # fmt: skip
        if hasattr(base, "ReplacementPane") and "panel.ReplacementPane._update_inner" not in enabled:
            self.hook.around(
                base.ReplacementPane, "_update_inner", self._replacing, "self", "new_object",
                hook="panel.ReplacementPane._update_inner",
            )  # fmt: skip

    def stop(self) -> None:
        """Forget the components."""
        self._alive.clear()
        self._made.clear()

    # --- hooks ---------------------------------------------------------------------------------

    def _constructing(self, component: Any, *rest: object, **named: object) -> None:
        place, cls = id(component), type(component).__name__
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
        site = site_of(component)
        if site.file is None:
            return
        component.__dict__[SITE] = site
        if site.direct:
            built: Built = ("panel", cls, site.file, site.line)
            if record.phase == "init":
                made_in(self._made, number)[place] = reference, built
            else:
                record.add(Record.made, built)

    def _replacing(self, output: Any, new_object: object) -> Leave:
        old = output._pane

        def leave(result: object, error: BaseException | None) -> None:
            first = _FILLED not in output.__dict__
            output.__dict__[_FILLED] = True
            new = output._pane
            if first or error is not None or new is None:
                return
            mode, cls = ("in_place" if new is old else "rebuilt"), type(new).__name__
            number = current.get()
            self._replaced.count(number, cls, mode)
            record = self.state.elements.record(number)
            if record is None:
                return
            record.add(Record.counted, "panel", mode, cls)
            site = new.__dict__.get(SITE)
            if mode == "rebuilt" and not (site is not None and site.direct):  # else its constructor has told
                record.add(Record.made, ("panel", cls, None, None))

        return leave

    # --- levels and checks ---------------------------------------------------------------------

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Drop the references to what is gone, so that they do not pile up."""
        self._settle()
        return ()

    def collect(self) -> Iterable[Level]:
        """Count the components that are alive."""
        if "panel.viewable" in sys.modules:
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
        shown = _shown(document)
        for place, (reference, built) in made.items():
            component = reference()
            if component is None or not (place in shown or component._models or _watched(component)):
                record.unused[place] = built


def _shown(document: Any) -> set[int]:
    state: Any = sys.modules["panel.io.state"]
    roots = [root for root, _, owner, _ in list(state.state._views.values()) if owner is document]
    return {id(each) for root in roots if hasattr(root, "select") for each in root.select()}


def _watched(component: Any) -> bool:
    own = component._internal_callbacks
    return any(
        watcher not in own and not hasattr(watcher.fn, "_watcher_name")
        for by_kind in component.param.watchers.values() for watchers in by_kind.values() for watcher in watchers
    )  # fmt: skip
