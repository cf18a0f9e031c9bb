"""The rule files, as Prometheus reads them.

YAML is written here because its shape is this narrow: strings are quoted as JSON quotes them, which
YAML reads, and expressions are literal blocks. ``promtool check rules`` reads the result in a test.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from . import alerts, recording

INTERVAL = "1m"


def _expr(text: str) -> Iterable[str]:
    if "\n" not in text:
        yield f"        expr: {json.dumps(text)}"
        return
    yield "        expr: |-"
    yield from (f"          {line}" for line in text.splitlines())


def _strings(title: str, values: dict[str, str]) -> Iterable[str]:
    yield f"        {title}:"
    yield from (f"          {name}: {json.dumps(value, ensure_ascii=False)}" for name, value in values.items())


def _group(name: str) -> Iterable[str]:
    yield f"  - name: {name}"
    yield f"    interval: {INTERVAL}"
    yield "    rules:"


def recording_file(notice: str) -> str:
    """Return the file of recording rules."""
    lines = [f"# {notice}", "groups:"]
    for name, rows in recording.GROUPS.items():
        lines += _group(name)
        for row in rows:
            lines += [f"      # {row.help}", f"      - record: {row.name}", *_expr(row.expr)]
    return "\n".join(lines) + "\n"


def _with_pod(summary: str) -> str:
    """Name the pod beside the address, which nobody knows by heart; outside Kubernetes there is none."""
    return summary.replace(
        "{{ $labels.instance }}", "{{ $labels.instance }}{{ with $labels.pod }} (pod {{ . }}){{ end }}"
    )


def alerts_file(notice: str) -> str:
    """Return the file of alerts."""
    lines = [f"# {notice}", "groups:"]
    for name, rows in alerts.GROUPS.items():
        lines += _group(name)
        for alert in rows:
            labels = {"severity": alert.severity} | ({"verdict": alert.verdict} if alert.verdict else {})
            annotations = {
                "summary": _with_pod(alert.summary),
                "description": alert.description,
                "runbook_url": alerts.runbook_url(alert),
                "dashboard_url": alerts.dashboard_url(alert),
            }
            lines += [f"      - alert: {alert.name}", *_expr(alert.expr), f"        for: {alert.duration}"]
            lines += [*_strings("labels", labels), *_strings("annotations", annotations)]
    return "\n".join(lines) + "\n"
