"""What several boards show."""

from __future__ import annotations

from ..panels import VERDICT_COLORS, Json, Panel, Query, lines, mapping, timeline
from ..promql import by, chosen

#: Verdicts from harmless to grave, so that the highest number of several servers is the one to look at.
VERDICTS = ("healthy", *reversed([name for name in VERDICT_COLORS if name != "healthy"]))
#: Verdicts as numbers, for panels that show one verdict as a text.
VERDICT_TEXTS: Json = mapping(**{f"_{i}": (name, VERDICT_COLORS[name]) for i, name in enumerate(VERDICTS)})

SESSION_COLORS = {"connected": "green", "unused": "yellow", "blocked": "red", "pending": "blue"}


def verdict_number(labels: str, select: str = "") -> str:
    """Return the place of the verdict that holds in :data:`VERDICTS`, by these labels."""
    metric = select or chosen("bokeh_memory_verdict")
    parts = [f'{i} * {metric[:-1]},verdict="{name}"}}' for i, name in enumerate(VERDICTS)]
    return by("max", labels, "\nor\n".join(parts))


def verdict_timeline(width: int = 24, height: int = 5) -> Panel:
    """Return the verdict of each server over time."""
    return timeline(
        "Verdict",
        "If it is not *healthy*: Leak hunt has the evidence, and `bokeh-exporter explain URL` names what holds the "
        "memory. Where several verdicts hold, the one that explains the memory first is shown.",
        Query(verdict_number("pod, instance"), "{{pod}} {{instance}}"), [VERDICT_TEXTS], width=width, height=height,
    )  # fmt: skip


def sessions_by_state(width: int = 8, height: int = 8) -> Panel:
    """Return the sessions by state, one on top of the other."""
    return lines(
        "Sessions by state",
        "If *unused* rises and stays: sessions outlive their browsers, see the longest time without one and the sweep. "
        "If *blocked* stays: a callback holds the document lock. If *pending* stays: creations fail.",
        Query(by("sum", "state", chosen("bokeh_sessions")), "{{state}}"),
        stacked=True, colors=SESSION_COLORS, width=width, height=height,
    )  # fmt: skip
