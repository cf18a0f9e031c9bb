"""The counters of a row by class and interaction, looked up once each."""

from __future__ import annotations

from typing import Any

from ...catalogue import BY_NAME
from ...state.interactions import ORIGIN
from ..frame import Frame

_KEPT = 2000


class ClassCounters:
    """Counts into a row whose labels are app, class, and perhaps the phase or another one."""

    def __init__(self, frame: Frame, row: str) -> None:
        self._numbers, self._apps, self._row = frame.state, frame.apps, row
        self._phased = BY_NAME[row].labels[-1].name == "phase"
        self._children: dict[tuple[Any, ...], Any] = {}
        self._removals = self._numbers.removals

    def count(self, number: int, *labels: str) -> None:
        """Count one, on the app and phase of an interaction's number."""
        if self._removals != self._numbers.removals or len(self._children) > _KEPT:
            self._children.clear()
            self._removals = self._numbers.removals
        key = (number & ORIGIN if number else -1, *labels)
        increment = self._children.get(key)
        if increment is None:
            app, phase = self._numbers.interactions.origin(number)
            values = (*labels, phase) if self._phased else labels
            increment = self._children[key] = self._apps.labelled(app).counting(self._row, *values)
        increment()
