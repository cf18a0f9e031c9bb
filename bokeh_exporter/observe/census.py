"""The census of models: how many are alive, in which Documents, and how many in none.

Each model has one entry of its own, made by its constructor, moved where Documents take up and let go of models,
and dropped when it dies: three hooks in place of a walk of the heap.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from ..catalogue import BY_NAME
from ..state import Level
from .frame import Frame, Observer
from .ledger import Ledger

_ORPHANED = "bokeh_models_orphaned"


class Census(Observer):
    """Models alive, orphaned models by class, known classes."""

    name: ClassVar[str] = "census"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        #: Called with each model that is constructed; whoever counts them needs no hook of its own.
        self.counts: Callable[[Any], None] = lambda model: None
        #: Class -> the label that it was given.
        self._labels: dict[str, str] = {}

    def start(self) -> None:
        """Hook in, and take over the models that there are."""
        from bokeh.model.model import Model

        self._ledger = self.frame.find(Ledger)
        self.hook.before(Model, "__init__", self._constructing, "self")
        self.hook.before(Model, "_attach_document", self._attaching, "self", "doc")
        self.hook.before(Model, "_detach_document", self._detaching, "self")
        contexts = self.apps.alive()
        documents = [s.__dict__.get("_document") for context, _ in contexts for s in list(context._sessions.values())]
        for document in documents:
            for model in list(document.models) if document is not None and not is_empty(document) else ():
                self._ledger.book.attached(model, document)
        if not documents:
            # The one walk of the heap, 40 ms in a fresh Panel process. Not with sessions there: the list of objects,
            # seen while one is destroyed, is what Bokeh takes for a leak of its module.
            for model in [each for each in gc.get_objects() if isinstance(each, Model)]:
                self._adopt(model)

    def _adopt(self, model: Any) -> None:
        document = model.__dict__.get("_document")
        if document is None:
            self._ledger.book.find(model).exempt = True
        else:
            self._ledger.book.attached(model, document)

    def _constructing(self, model: Any, *rest: object, **named: object) -> None:
        self._ledger.book.constructed(model)
        self.counts(model)

    def _attaching(self, model: Any, doc: Any) -> None:
        if model._document is None:  # else it is there already, or Bokeh refuses: it is in another
            self._ledger.book.attached(model, doc)

    def _detaching(self, model: Any) -> None:
        self._ledger.book.detached(model)

    def alive(self) -> dict[str, int]:
        """Count the models that are alive, by class. From any thread."""
        self._ledger.drain()
        with self._ledger.book.lock:
            return dict(self._ledger.book.alive)

    def collect(self) -> Iterable[Level]:
        """Read the counts, which are kept."""
        yield Level("bokeh_models", sum(self.alive().values()))
        with self._ledger.book.lock:
            orphaned = dict(self._ledger.book.orphaned)
        for cls in {**self._labels, **orphaned}:
            yield Level(_ORPHANED, orphaned.get(cls, 0), (self._label(cls),))
        resolver = getattr(sys.modules.get("bokeh.core.has_props"), "_default_resolver", None)
        if resolver is not None:
            yield Level("bokeh_known_models", len(resolver._known_models))

    def _label(self, cls: str) -> str:
        label = self._labels.get(cls)
        if label is None:
            (label,), folded = self.state.limiter.admit(BY_NAME[_ORPHANED], (cls,))
            if folded:
                self.state.child("bokeh_exporter_overflow_total", _ORPHANED).inc()
            else:
                self._labels[cls] = label
        return label


def is_empty(document: Any) -> bool:
    """Whether a Document has been destroyed as far as its models: then it cannot be asked for them."""
    return "_models" not in vars(document.models)
