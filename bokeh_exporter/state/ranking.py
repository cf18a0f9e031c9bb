"""Which elements are rebuilt most: the ranking of the rebuild ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

#: Rows of the ranking.
ROWS = 20


def most_rebuilt(interactions: Iterable[tuple[str, Mapping[Any, int]]]) -> list[dict[str, Any]]:
    """Rank what interactions built by how often an interaction of the same app builds it.

    Args:
        interactions: app, and how often each (library, class, file, line) was constructed.
    """
    asked: Counter[str] = Counter()
    rebuilt: Counter[tuple[str, Any]] = Counter()
    within: Counter[tuple[str, Any]] = Counter()
    for app, built in interactions:
        asked[app] += 1
        for element, count in built.items():
            rebuilt[app, element] += count
            within[app, element] += 1
    rows = [
        {
            "app": app,
            **dict(zip(("library", "element", "file", "line"), element, strict=True)),
            "rebuilt": count,
            "interactions": within[app, element],
            "per_interaction": count / asked[app],
        }
        for (app, element), count in rebuilt.items()
    ]
    rows.sort(key=lambda row: (-row["per_interaction"], row["app"], row["element"]))
    return rows[:ROWS]
