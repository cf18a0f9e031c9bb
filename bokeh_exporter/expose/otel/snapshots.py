"""One reading of the state for each collection, so that all instruments of an export fit together.

It is made from the registry that ``/metrics`` encodes: what both outputs say is equal because it is
the same. Nothing of OpenTelemetry is needed here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from ...catalogue import BY_NAME, Metric
from ...state import State

#: Seconds after which a reading is too old, should an instrument be asked that nobody asked before.
_OLD = 5.0

Numbers = dict[tuple[str, ...], float]


class Snapshots:
    """Gives each instrument its numbers, all of one moment.

    Args:
        state: is drained and read.
        first: is called before each reading, after the drain.
    """

    def __init__(self, state: State, first: Callable[[], None]) -> None:
        self._state, self._first = state, first
        self._lock = threading.Lock()
        self._numbers: dict[str, Numbers] = {}
        self._asked: set[str] = set()
        self._made = 0.0

    def of(self, metric: Metric) -> Numbers:
        """Return the numbers of a row by label values.

        An instrument that is asked a second time is in the next collection. That holds for any number
        of readers, whatever the order in which an SDK asks.
        """
        with self._lock:
            if not self._asked or metric.name in self._asked or time.monotonic() - self._made > _OLD:
                self._asked.clear()
                self._numbers = self._read()
                self._made = time.monotonic()
            self._asked.add(metric.name)
            return self._numbers.get(metric.name, {})

    def _read(self) -> dict[str, Numbers]:
        self._state.drain()
        self._first()
        numbers: dict[str, Numbers] = {}
        for family in self._state.registry.collect():
            metric = _row(family)
            if metric is None or metric.kind == "histogram":
                continue
            row = numbers[metric.name] = {}
            for sample in family.samples:
                if not sample.name.endswith("_created"):
                    row[tuple(sample.labels[name] for name in metric.label_names)] = sample.value
        return numbers


def _row(family: Any) -> Metric | None:
    """Return the catalogue's row of a family, whose name lacks ``_total`` and ``_info``."""
    for suffix in ("", "_total", "_info"):
        metric = BY_NAME.get(family.name + suffix)
        if metric is not None:
            return metric
    return None
