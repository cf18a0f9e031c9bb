"""Models as they are constructed, and the change events of documents.

Counted at ``Model.__init__``, the one constructor that all models share, with the app and phase of the
interaction under way: one slider step may build eighteen models while the number of live ones stays
the same, which only such a counter shows. The class label is the bare class name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ... import config as options
from ...state.interactions import ORIGIN, current
from ...state.safe_looks import type_name
from .. import slots
from ..apps import App
from ..frame import Frame, Observer


class ModelCounts(Observer):
    """Models created by class and phase; document events by class; both booked on the interaction."""

    name: ClassVar[str] = "models"
    level: ClassVar[options.CollectLevel] = "update"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        #: Name of the class and origin -> what counts it. They are few: the state caps what becomes a label.
        self._created: dict[tuple[str, int], Any] = {}
        self._removals = self.state.removals

    def start(self) -> None:
        """Subscribe to new models and to the changes of documents."""
        self.on.before("model_made", self._constructing)
        self.on.before("document_changed", self._changer())
        self.on.before("changes_sent", self._sent)

    def _constructing(self, instance: Any) -> None:
        model = type_name(type(instance))
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

    def _changer(self) -> Callable[[Any, type], None]:
        of_app, of_document = slots.app.name, self.apps.of_document

        def changing(document: Any, kind: type) -> None:
            app = getattr(document, of_app, None) or of_document(document)
            if app is not None:
                (app.bound.get(kind) or app.bundle(kind, _event))()

        return changing

    def _sent(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            record = self.state.interactions.get(number) if number else None
            if record is not None:
                record.patches += 1


def _event(app: App, kind: type) -> Callable[[], Any]:
    return app.counting("bokeh_document_events_total", kind.__name__)
