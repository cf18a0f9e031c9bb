"""The door that labels pass: each is cleaned, each open one is bounded, the rest become ``other``.

Caps hold per process. A class or callback label is counted together with its app, so one app
cannot use up another's room. What was let in once stays in until its app is removed.
"""

from __future__ import annotations

import threading

from ..catalogue import APP, OTHER, SERIES_CAP, Metric
from .wording import clean, clean_all


class Limiter:
    """Decide which label values are taken as they are."""

    def __init__(self, series_cap: int = SERIES_CAP) -> None:
        self._guard = threading.Lock()
        self._apps: set[str] = set()
        self._known: dict[tuple[str, str], set[tuple[str, str]]] = {}
        self._series_cap = series_cap
        self._series = 0

    def admit(self, metric: Metric, values: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
        """Return the values to use and whether one of them was folded. Called once per new child."""
        values = clean_all(values)
        admitted = list(values)
        folded = False
        app = ""
        with self._guard:
            for index, (label, value) in enumerate(zip(metric.labels, values, strict=True)):
                if label.values:
                    if value not in label.values:
                        admitted[index], folded = OTHER, folded or OTHER not in label.values
                elif label is APP:
                    app = admitted[index] = self._admit_app(value)
                    folded = folded or app != value
                elif label.cap is not None and value != OTHER:
                    pairs = self._known.setdefault((metric.name, label.name), set())
                    pair = (app, value)
                    if pair not in pairs and len(pairs) >= label.cap:
                        admitted[index], folded = OTHER, True
                    else:
                        pairs.add(pair)
            if self._series >= self._series_cap:
                # Open labels fold; closed ones stay, so that the child of last resort is a valid one.
                admitted = [
                    value if label.values else OTHER for label, value in zip(metric.labels, admitted, strict=True)
                ]
                folded = True
            else:
                self._series += 1
        return tuple(admitted), folded

    def admit_app(self, app: str) -> str:
        """Return the app's label value: its path, cleaned, or ``other`` beyond the cap."""
        app = clean(app)
        with self._guard:
            return self._admit_app(app)

    def _admit_app(self, app: str) -> str:
        if app not in self._apps:
            if APP.cap is not None and len(self._apps) >= APP.cap:
                return OTHER
            self._apps.add(app)
        return app

    def forget(self, app: str, series: int) -> None:
        """Free what a removed app had taken: its place and its number of series."""
        with self._guard:
            self._apps.discard(app)
            self._series = max(0, self._series - series)
            for pairs in self._known.values():
                # A route has no app beside it: it is one.
                pairs.difference_update([pair for pair in pairs if app in (pair[0], pair[0] or pair[1])])
