"""Which models a value of a property leads to, by what is set: faster than asking each property."""

from __future__ import annotations

from typing import Any

from ..hosts.bokeh_models import referring_values

#: Models that one walk looks at, and items of one list.
_MODELS = 5000
_ITEMS = 1000


class References:
    """Walks from values to models. Needs Bokeh's ``Model``, which must not be imported before the host does."""

    def __init__(self, model: type) -> None:
        self._model = model

    def lead(self, value: Any) -> bool:
        """Whether there is a model at the top of a value."""
        if isinstance(value, self._model):
            return True
        if isinstance(value, (list, tuple)):
            return any(isinstance(item, (self._model, tuple)) for item in value[:_ITEMS])
        return isinstance(value, dict) and any(isinstance(item, self._model) for item in value.values())

    def of(self, value: Any) -> dict[str, str]:
        """Return id and class name of every model that a value leads to."""
        found: dict[str, str] = {}
        waiting = [value]
        while waiting and len(found) < _MODELS:
            each = waiting.pop()
            if isinstance(each, self._model):
                model: Any = each
                if model.id not in found:
                    found[model.id] = type(model).__name__
                    waiting.extend(referring_values(model))
            elif isinstance(each, (list, tuple, set)):
                waiting.extend(list(each)[:_ITEMS])
            elif isinstance(each, dict):
                waiting.extend(list(each.values())[:_ITEMS])
        return found
