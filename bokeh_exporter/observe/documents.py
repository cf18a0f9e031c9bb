"""Live documents: how many models are attached to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from ..state import Level
from .apps import App
from .frame import Observer


class Documents(Observer):
    """Models attached, in all and in the largest document."""

    name: ClassVar[str] = "documents"

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Take the length of each document's own table of models."""
        for context, app in contexts:
            total = largest = 0
            for session in list(context._sessions.values()):
                document = session.__dict__.get("_document")  # deleted in a destroyed session
                if document is None or session._destroyed:
                    continue
                models = len(document.models)
                total += models
                if models > largest:
                    largest = models
            yield Level("bokeh_document_models", total, (app.label,))
            yield Level("bokeh_document_models_max", largest, (app.label,))
