"""The census of models: how many are alive, in which Documents, and how many in none.

Each model has one entry of its own, made by its constructor, moved where Documents take up and let go of models,
and dropped when it dies: three hooks in place of a walk of the heap.
"""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any, ClassVar

from ...catalogue import BY_NAME
from ...state import Level
from ..frame import Frame, Observer
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
        self.hook.replace(Model, "__init__", self._constructing, "self")
        self.hook.replace(Model, "_attach_document", self._attaching, "self", "doc")
        self.hook.replace(Model, "_detach_document", self._detaching, "self")
        contexts = self.apps.alive()
        documents = [getattr(s, "_document", None) for context, _ in contexts for s in list(context._sessions.values())]
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

    def _constructing(self, original: Callable[..., None]) -> Callable[..., None]:
        patches, overhead, swallow = self.patches, self.state.overhead, self.hook.swallow
        constructed = self._ledger.book.constructed

        @functools.wraps(original)
        def __init__(model: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it stands in for one
            if patches.on:
                start = perf_counter()
                try:
                    constructed(model)
                    self.counts(model)
                except Exception as ours:
                    swallow(ours)
                overhead[0] += perf_counter() - start
            original(model, *args, **kwargs)

        return __init__

    def _attaching(self, original: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        patches, swallow, attached = self.patches, self.hook.swallow, self._ledger.book.attached

        @functools.wraps(original)
        def _attach_document(model: Any, doc: Any) -> None:
            # One that has a Document is there already, or Bokeh refuses: it is in another.
            if patches.on and model._document is None:
                try:
                    attached(model, doc)
                except Exception as ours:
                    swallow(ours)
            original(model, doc)

        return _attach_document

    def _detaching(self, original: Callable[[Any], None]) -> Callable[[Any], None]:
        patches, swallow, detached = self.patches, self.hook.swallow, self._ledger.book.detached

        @functools.wraps(original)
        def _detach_document(model: Any) -> None:
            if patches.on:
                try:
                    detached(model)
                except Exception as ours:
                    swallow(ours)
            original(model)

        return _detach_document

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
