"""Levels: what is true at a moment, as opposed to events, which are counted.

Each event loop's sampler replaces its own snapshot as a whole, so a scrape never sees half a
sample. Snapshots of several loops become one number by the catalogue row's ``merge``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from ..catalogue import BY_NAME, Metric
from .wording import clean_all


class Level(NamedTuple):
    """One number of one catalogue row."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


#: What one sampler saw: catalogue row -> label values -> number.
Snapshot = Mapping[str, Mapping[tuple[str, ...], float]]


def merge(metric: Metric, into: dict[tuple[str, ...], float], labels: tuple[str, ...], value: float) -> None:
    """Add one number to the ones already there, the way the row wants it."""
    if labels not in into:
        into[labels] = value
    elif metric.merge == "sum":
        into[labels] += value
    elif metric.merge == "max":
        into[labels] = max(into[labels], value)
    else:
        into[labels] = min(into[labels], value)


def snapshot(levels: Iterable[Level]) -> Snapshot:
    """Build a snapshot from single levels, merging those with the same labels."""
    built: dict[str, dict[tuple[str, ...], float]] = {}
    for name, value, labels in levels:
        merge(BY_NAME[name], built.setdefault(name, {}), clean_all(labels), value)
    return built


class Parts:
    """The newest levels of each source of one sampler, and the snapshot that they make. On one loop."""

    def __init__(self) -> None:
        self._levels: dict[str, list[Level]] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._whole: Snapshot | None = None

    def put(self, source: str, levels: list[Level]) -> None:
        """Take the levels of a source in the place of those it had; mostly they are the same, and nothing is built."""
        if levels != self._levels.get(source):
            self._levels[source], self._snapshots[source] = levels, snapshot(levels)
            self._whole = None

    def snapshot(self) -> Snapshot:
        """Return the snapshot of all sources: the same one as long as nothing changes."""
        if self._whole is None:
            whole: dict[str, Mapping[tuple[str, ...], float]] = {}
            for part in self._snapshots.values():
                whole.update(part if whole.keys().isdisjoint(part) else _merged(whole, part))
            self._whole = whole
        return self._whole


def _merged(whole: Snapshot, part: Snapshot) -> Snapshot:
    """Return a part with what is of its rows in others: what it was made of is kept, so nothing is added in place."""
    merged = dict(part)
    for name in whole.keys() & part.keys():
        both = dict(whole[name])
        for labels, value in part[name].items():
            merge(BY_NAME[name], both, labels, value)
        merged[name] = both
    return merged


class Levels:
    """The newest snapshot of each sampler."""

    def __init__(self) -> None:
        self._snapshots: dict[object, Snapshot] = {}

    def replace(self, sampler: object, new: Snapshot) -> None:
        """Put a sampler's new snapshot in the place of its old one; one atomic assignment."""
        self._snapshots[sampler] = new

    def remove(self, sampler: object) -> None:
        """Forget a sampler whose loop is gone."""
        self._snapshots.pop(sampler, None)

    def merged(self, names: Collection[str] | None = None) -> dict[str, dict[tuple[str, ...], float]]:
        """Merge the newest snapshots of all samplers, of all rows or those named."""
        total: dict[str, dict[tuple[str, ...], float]] = {}
        for one in list(self._snapshots.values()):
            for name, numbers in one.items():
                if names is not None and name not in names:
                    continue
                into = total.get(name)
                if into is None:  # mostly there is one loop, and nothing to merge
                    total[name] = dict(numbers)
                    continue
                for labels, value in numbers.items():
                    merge(BY_NAME[name], into, labels, value)
        return total
