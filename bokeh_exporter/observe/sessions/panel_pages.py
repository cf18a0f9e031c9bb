"""What Panel holds, and how long it takes until a page is ready: cheap, so at every level.

Nothing of Panel is imported; the numbers are absent until the app has imported it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import Any, ClassVar

from ...catalogue import BY_NAME, OTHER
from ...state import Level
from ..apps import KEY, App
from ..callbacks.names import name_of
from ..frame import Frame, Observer

#: On a document: when its session was launched.
_LAUNCHED = KEY + "_launched"
#: Cached functions whose names are learnt; autoreload makes new ones.
_CACHES = 1000


class PanelLevels(Observer):
    """Views, cache entries, and the time from a session's launch to its document_ready."""

    name: ClassVar[str] = "panel_levels"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._hooked = False
        #: Lists in which Panel notes the digest of a function, and the name of the function.
        self._digests: list[tuple[list[Any], str]] = []
        self._known: dict[tuple[int, str | None], Any] = {}

    def start(self) -> None:
        """Hook into the making of documents: a session is launched when its document is made."""
        from bokeh.application import Application

        self.hook.before(Application, "initialize_document", self._launching, "self", "doc")

    def refresh(self) -> None:
        """Hook into what Panel does when a page is ready."""
        state = sys.modules.get("panel.io.state")
        if state is not None and not self._hooked and hasattr(state, "_state"):
            self._hooked = True
            self.state.appear("panel_render_duration_seconds", self.apps.labels())
            self.hook.before(
                state._state, "_schedule_on_load", self._ready, "self", "doc", hook="panel.state._schedule_on_load"
            )

        cache = sys.modules.get("panel.io.cache")
        if cache is not None and "panel.cache.compute_hash" not in self.patches.enabled:
            self.hook.before(
                cache, "compute_hash", self._cached, "func", "hash_funcs", "args", "kwargs",
                hook="panel.cache.compute_hash",
            )  # fmt: skip

    def _launching(self, application: object, doc: Any) -> None:
        if getattr(doc, _LAUNCHED, None) is None:
            setattr(doc, _LAUNCHED, perf_counter())

    def _ready(self, state: object, doc: Any, event: object) -> None:
        launched = getattr(doc, _LAUNCHED, None)
        if launched is not None:
            delattr(doc, _LAUNCHED)
        app = self.apps.of_document(doc)
        if launched is not None and app is not None:
            app.child("panel_render_duration_seconds").observe(perf_counter() - launched)

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Hook in where an app was the first to import Panel, after it was registered."""
        if not self._hooked and "panel.io.state" in sys.modules:
            self.frame.refresh()
        return ()

    def collect(self) -> Iterable[Level]:
        """Read the lengths of Panel's own tables."""
        state = getattr(sys.modules.get("panel.io.state"), "state", None)
        if state is None:
            return
        yield Level("panel_views", len(state._views))
        names = self._names()
        for key, entries in list(state._memoize_cache.items()):
            name = names.get(key, OTHER)
            (label,), folded = self.state.limiter.admit(BY_NAME["panel_cache_entries"], (name,))
            yield Level("panel_cache_entries", len(entries), (label,))
            if folded:
                self.state.child("bokeh_exporter_overflow_total", "panel_cache_entries").inc()

    def _cached(self, func: Any, hash_funcs: object, args: tuple[Any, ...], *rest: object) -> None:
        """Learn the name of a cached function: Panel keeps it under a digest, which it is about to work out."""
        code = getattr(func, "__code__", None)
        owner = type(args[0]).__name__ if args and hasattr(type(args[0]), func.__name__) else None
        if code is None or (id(code), owner) in self._known or len(self._known) > _CACHES:
            return
        self._known[id(code), owner] = code
        frame = sys._getframe()
        while frame.f_back is not None and frame.f_code.co_name != "hash_func":
            frame = frame.f_back
        digests = frame.f_locals.get("func_hashes")
        if isinstance(digests, list):
            self._digests.append((digests, name_of(func) or func.__name__))

    def _names(self) -> dict[str, str]:
        return {digests[0]: name for digests, name in list(self._digests) if digests and digests[0] is not None}
