"""Live documents: how many models are attached to them.

A document works out which models are attached to it in one place, ``DocumentModelManager.recompute``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from ...state import Level
from ..apps import App
from ..frame import Observer
from .totals import Roll, mark


class Documents(Observer):
    """Models attached, in all and in the largest document."""

    name: ClassVar[str] = "documents"

    def start(self) -> None:
        """Hook into what changes a document's table of models."""
        from bokeh.document.models import DocumentModelManager

        self.hook.replace(DocumentModelManager, "recompute", self._recomputing, "self")

    def _recomputing(self, original: Callable[..., Any]) -> Callable[..., Any]:
        patches, swallow = self.patches, self.hook.swallow

        @functools.wraps(original)
        def recompute(manager: Any) -> Any:
            result = original(manager)
            if patches.on:
                try:
                    mark(manager._document())
                except Exception as ours:
                    swallow(ours)
            return result

        return recompute

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Read the roll."""
        for context, app in contexts:
            roll = Roll.of(context).refresh()
            yield Level("bokeh_document_models", roll.models, (app.label,))
            yield Level("bokeh_document_models_max", roll.largest, (app.label,))
