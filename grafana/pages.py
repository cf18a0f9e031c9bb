"""docs/runbooks/README.md: every alert and every threshold, as tables."""

from __future__ import annotations

from collections.abc import Iterable

from .alerts import ALERTS
from .thresholds import MIB, THRESHOLDS, Threshold


def _table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(titles)
    lines = [titles, ["---"] * len(titles), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _shown(threshold: Threshold) -> str:
    value = threshold.value
    if threshold.unit.startswith("bytes"):
        return f"{value / MIB:g} MiB{threshold.unit.removeprefix('bytes')}"
    return f"{value:,g} {threshold.unit}" if value < 1e5 else f"{value:,.0f} {threshold.unit}"


def runbook_index(notice: str) -> str:
    """Return the page that lists the alerts."""
    alerts = (
        (f"[{alert.name}]({alert.page})", alert.severity, alert.duration, alert.verdict and f"`{alert.verdict}`")
        for alert in ALERTS.values()
    )
    thresholds = ((f"`{key}`", _shown(row), row.why) for key, row in THRESHOLDS.items())
    return "\n".join(
        [
            f"<!-- {notice} -->",
            "# Runbooks\n",
            "One page per alert of [grafana/rules](../../grafana/rules). An alert that stands for a verdict keeps quiet\n"
            "while one that explains the memory first fires, so one leak is one alert.\n",
            _table(("Alert", "Severity", "For", "Verdict"), alerts),
            "## Thresholds\n",
            "All alerts, lines in boards and this table read them from `grafana/thresholds.py`.\n",
            _table(("Name", "Value", "Why"), thresholds),
        ]
    )
