"""Models as they are constructed, and the change events of documents.

Counted at ``Model.__init__``, the one constructor that all models share, with the app and phase of the
interaction under way: one slider step may build eighteen models while the number of live ones stays
the same, which only such a counter shows. The class label is the bare class name.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

from ... import config as options
from ...state.interactions import ORIGIN, current
from ..apps import KEY, App
from ..frame import Frame, Observer
from ..leaks.live_models import Census


class Models(Observer):
    """Models created by class and phase; document events by class; both booked on the interaction."""

    name: ClassVar[str] = "models"
    level: ClassVar[options.Level] = "update"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        #: Name of the class and origin -> what counts it. They are few: the state caps what becomes a label.
        self._created: dict[tuple[str, int], Any] = {}
        self._removals = self.state.removals

    def start(self) -> None:
        """Be told of new models, and hook into the dispatch of change events."""
        from bokeh.document.callbacks import DocumentCallbackManager
        from bokeh.document.events import DocumentPatchedEvent

        self._patched = DocumentPatchedEvent
        self.frame.find(Census).counts = self._constructing  # one wrapper of the constructor serves both
        self.hook.replace(DocumentCallbackManager, "trigger_on_change", self._changing, "self", "event")

    def _constructing(self, instance: Any) -> None:
        model = type(instance).__name__
        number = current.get()
        key = (model, number & ORIGIN if number else -1)
        if self._removals != self.state.removals or len(self._created) > 2000:
            self._created.clear()
            self._removals = self.state.removals
        created = self._created.get(key)
        if created is None:
            app, phase = self.state.interactions.origin(number)
            created = self._created[key] = self.apps.labelled(app).counting("bokeh_models_created_total", model, phase)
        created()
        if number:
            record = self.state.interactions.get(number)
            if record is not None:
                record.models += 1

    def _changing(self, original: Callable[..., Any]) -> Callable[..., Any]:
        patches, swallow, patched = self.patches, self.hook.swallow, self._patched
        of_document, get, number_of = self.apps.of_document, self.state.interactions.get, current.get

        @functools.wraps(original)
        def trigger_on_change(manager: Any, event: Any) -> Any:
            if patches.on:
                try:
                    # One that is held comes again when it is let go, or Panel writes it itself.
                    if getattr(event, KEY, None) is None:
                        if manager._hold is not None:
                            event._bokeh_exporter = True
                        document, kind = event.document, type(event)
                        app = getattr(document, KEY, None) or of_document(document)
                        if app is not None:
                            (app.bound.get(kind) or app.bundle(kind, _event))()
                            if (number := number_of()) and issubclass(kind, patched):
                                record = get(number)
                                if record is not None:
                                    record.patches += 1
                except Exception as ours:
                    swallow(ours)
            return original(manager, event)

        return trigger_on_change


def _event(app: App, kind: type) -> Callable[[], Any]:
    return app.counting("bokeh_document_events_total", kind.__name__)
