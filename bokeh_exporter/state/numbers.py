"""All numbers of a moment in one shape, wherever they come from: the state of this process, or a scrape of another.

Row of the catalogue -> label values in the row's order -> number. A histogram is two rows, its name with
``_sum`` and with ``_count``. What the platform or the level of collection does not give is not in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Protocol

from ..catalogue import BY_NAME, CATALOGUE
from .levels import Level, merge
from .metrics import State
from .rows import is_event
from .wording import clean_all

Numbers = Mapping[str, Mapping[tuple[str, ...], float]]

#: Name of a sample -> names of its labels in the catalogue's order.
_LABELS: dict[str, tuple[str, ...]] = {}
for _row in CATALOGUE:
    for _name in (f"{_row.name}_sum", f"{_row.name}_count") if _row.kind == "histogram" else (_row.name,):
        _LABELS[_name] = _row.label_names


class Reading(Protocol):
    """A sample as prometheus_client's collectors and parsers give it."""

    name: str
    labels: dict[str, str]
    value: float


def of_samples(samples: Iterable[Reading], names: Collection[str] | None = None) -> Numbers:
    """Return the numbers of an exposition's samples, all rows of ours or those named."""
    numbers: dict[str, dict[tuple[str, ...], float]] = {}
    for sample in samples:
        labels = _LABELS.get(sample.name)
        if labels is not None and (names is None or sample.name in names):
            key = tuple(sample.labels.get(label, "") for label in labels)
            numbers.setdefault(sample.name, {})[key] = float(sample.value)
    return numbers


def of_state(state: State, levels: Iterable[Level], names: frozenset[str]) -> Numbers:
    """Return the numbers of this process: what the loops sampled, ``levels`` read now, and what was counted."""
    numbers = state.levels.merged(names)
    for name, value, labels in levels:
        if name in names and len(labels) == len(_LABELS[name]):
            into, labels = numbers.setdefault(name, {}), clean_all(labels)
            if labels in into:
                merge(BY_NAME[name], into, labels, value)
            else:
                into[labels] = value
    for row in _events(names):
        for name, labels, value in state.totals(row):
            if name in names:
                numbers.setdefault(name, {})[labels] = value
    return numbers


@lru_cache(maxsize=8)
def _events(names: frozenset[str]) -> tuple[str, ...]:
    """Return the rows that are counted as they happen and of which a name is wanted."""
    return tuple(
        row.name
        for row in CATALOGUE
        if is_event(row) and not names.isdisjoint((row.name, f"{row.name}_sum", f"{row.name}_count"))
    )
