"""What Panel holds, and how long it takes until a page is ready: cheap, so at every level.

Nothing of Panel is imported; the numbers are absent until the app has imported it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import perf_counter
from types import FunctionType
from typing import Any, ClassVar

from ...catalogue import BY_NAME, OTHER
from ...state import Level
from ...state.safe_looks import attribute_of_class, type_name
from .. import slots
from ..apps import App
from ..callbacks.names import name_of
from ..frame import Frame, Observer
from ..hosts import panel

#: Cached functions whose names are learnt; autoreload makes new ones.
_CACHES = 1000


class PanelPages(Observer):
    """Views, cache entries, and the time from a session's launch to its document_ready."""

    name: ClassVar[str] = "panel_levels"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._imported = False
        #: Lists in which Panel notes the digest of a function, and the name of the function.
        self._digests: list[tuple[list[Any], str]] = []
        self._known: dict[tuple[int, str | None], Any] = {}

    def start(self) -> None:
        """Subscribe to the making of documents, which launches their sessions, and to what Panel does."""
        self.on.before("document_building", self._launching)
        self.on.before("page_ready", self._ready)
        self.on.before("cached_calling", self._cached)

    def refresh(self) -> None:
        """Show the duration of renders once Panel is there to make them."""
        if not self._imported and panel.READY.label in self.patches.enabled:
            self._imported = True
            self.state.appear("panel_render_duration_seconds", self.apps.labels())

    def _launching(self, document: Any, application: object) -> None:
        if slots.launched.get(document) is None:
            slots.launched.put(document, perf_counter())

    def _ready(self, document: Any) -> None:
        panel.refresh(self.frame.hosts)  # an app's own pn.extension(nthreads=) has made the pool meanwhile
        launched = slots.launched.get(document)
        if launched is not None:
            delattr(document, slots.launched.name)
        app = self.apps.of_document(document)
        if launched is not None and app is not None:
            app.histogram("panel_render_duration_seconds").observe(perf_counter() - launched)

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Have it wrapped where an app was the first to import Panel, after it was registered."""
        if not self._imported and panel.is_imported():
            self.frame.refresh()
        return ()

    def collect(self) -> Iterable[Level]:
        """Read the lengths of Panel's own tables."""
        views = panel.view_count()
        if views is None:
            return
        yield Level("panel_views", views)
        names = self.cached()
        for key, entries in panel.cache_sizes().items():
            name = names.get(key, OTHER)
            (label,), folded = self.state.limiter.admit(BY_NAME["panel_cache_entries"], (name,))
            yield Level("panel_cache_entries", entries, (label,))
            if folded:
                self.state.counter("bokeh_exporter_overflow_total", "panel_cache_entries").inc()

    def _cached(self, func: Any, args: tuple[Any, ...]) -> None:
        """Learn the name of a cached function: Panel keeps it under a digest, which it is about to work out."""
        if type(func) is not FunctionType:
            return
        code, bare = func.__code__, func.__code__.co_name
        kind = type(args[0]) if args else None
        owner = type_name(kind) if kind is not None and attribute_of_class(kind, bare) is not None else None
        if (id(code), owner) in self._known or len(self._known) > _CACHES:
            return
        self._known[id(code), owner] = code
        digests = panel.digests_here()
        if digests is not None:
            self._digests.append((digests, name_of(func) or bare))

    def cached(self) -> dict[str, str]:
        """Return the functions that Panel caches, by the digest that it keeps each under."""
        return {digests[0]: name for digests, name in list(self._digests) if digests and digests[0] is not None}
