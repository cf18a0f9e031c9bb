"""Live documents: how many models are attached to them, read again where a document has worked that out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from ...state import Level
from ..apps import App
from ..frame import Observer
from .totals import SessionTotals, mark


class Documents(Observer):
    """Models attached, in all and in the largest document."""

    name: ClassVar[str] = "documents"

    def start(self) -> None:
        """Subscribe to what changes a document's table of models."""
        self.on.after("models_recomputed", self._recomputed)

    def _recomputed(self, document: Any, before: object, after: object, begin: float, end: float) -> None:
        mark(document)
        app = self.apps.of_document(document)
        if app is not None:
            self.state.record(app.histogram("bokeh_document_recompute_seconds").observe, end - begin)

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Read the totals."""
        for context, app in contexts:
            totals = SessionTotals.of(context).refresh()
            yield Level("bokeh_document_models", totals.models, (app.label,))
            yield Level("bokeh_document_models_max", totals.largest, (app.label,))
