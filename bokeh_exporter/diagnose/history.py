"""A bounded history of samples (skeleton)."""

from __future__ import annotations

from typing import NamedTuple

from .samples import Sample


class Point(NamedTuple):
    """One bucket of time: the floor of each number in it, and the last sample of it."""

    low: Sample
    last: Sample

    @property
    def time(self) -> float:
        """Unix time of its last sample."""
        return self.last.time


class History:
    """Samples at falling resolution; safe from any thread."""

    def __init__(self, period: float = 60.0, *, all: bool = False) -> None:
        """``period``: seconds between samples; ``all`` keeps each sample as a point of its own (soak)."""
        self._points: list[Point] = []

    def add(self, sample: Sample) -> None:
        """Append a sample; times must rise."""
        self._points.append(Point(sample, sample))

    def points(self) -> list[Point]:
        """Return all points, the oldest first."""
        return list(self._points)
