"""Models as they are constructed, and the change events of documents.

Counted at ``Model.__init__``, the one constructor that all models share, with the app and phase of the
interaction under way: one slider step may build eighteen models while the number of live ones stays
the same, which only such a counter shows. The class label is the bare class name.
"""

from __future__ import annotations

from typing import Any, ClassVar

from .. import config as options
from ..state.interactions import current
from .apps import KEY
from .census import Census
from .frame import Frame, Observer


class Models(Observer):
    """Models created by class and phase; document events by class; both booked on the interaction."""

    name: ClassVar[str] = "models"
    level: ClassVar[options.Level] = "update"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        #: (app, class, phase) -> bound ``inc``. Classes are few: the state caps what becomes a label.
        self._created: dict[tuple[str, str, str], Any] = {}
        self._removals = self.state.removals

    def start(self) -> None:
        """Be told of new models, and hook into the dispatch of change events."""
        from bokeh.document.callbacks import DocumentCallbackManager
        from bokeh.document.events import DocumentPatchedEvent

        self._patched = DocumentPatchedEvent
        self.frame.find(Census).counts = self._constructing  # one wrapper of the constructor serves both
        self.hook.before(DocumentCallbackManager, "trigger_on_change", self._changing, "self", "event")

    def _constructing(self, model: Any) -> None:
        interactions = self.state.interactions
        number = current.get()
        app, phase = interactions.origin(number)
        key = (app, type(model).__name__, phase)
        if self._removals != self.state.removals or len(self._created) > 2000:
            self._created.clear()
            self._removals = self.state.removals
        created = self._created.get(key)
        if created is None:
            created = self._created[key] = (
                self.apps.labelled(app).child("bokeh_models_created_total", type(model).__name__, phase).inc
            )
        self.state.record(created, 1)
        record = interactions.get(number)
        if record is not None:
            record.models += 1

    def _changing(self, manager: Any, event: Any) -> None:
        document = manager._document()
        if document is None or KEY in event.__dict__:
            return
        event.__dict__[KEY] = True  # one that is held comes again when it is let go, or Panel writes it itself
        app = self.apps.of_document(document)
        if app is None:
            return
        self.state.record(app.child("bokeh_document_events_total", type(event).__name__).inc, 1)
        if isinstance(event, self._patched):
            record = self.state.interactions.get(current.get())
            if record is not None:
                record.patches += 1
