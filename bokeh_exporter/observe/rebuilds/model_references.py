"""Which models a value of a property leads to, by what is set: faster than asking each property."""

from __future__ import annotations

from typing import Any

from ...state.safe_looks import is_a, items_of, type_name
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
        if is_a(value, self._model):
            return True
        if is_a(value, list, tuple):
            return any(is_a(item, self._model, tuple) for item in items_of(value, _ITEMS))
        return is_a(value, dict) and any(is_a(item, self._model) for item in dict.values(value))

    def of(self, value: Any) -> dict[str, str]:
        """Return id and class name of every model that a value leads to."""
        found: dict[str, str] = {}
        waiting = [value]
        while waiting and len(found) < _MODELS:
            each = waiting.pop()
            if is_a(each, self._model):
                model: Any = each
                if model.id not in found:
                    found[model.id] = type_name(type(model))
                    waiting.extend(referring_values(model))
            elif is_a(each, list, tuple, set):
                waiting.extend(items_of(each, _ITEMS))
            elif is_a(each, dict):
                waiting.extend(list(dict.values(each))[:_ITEMS])
        return found
