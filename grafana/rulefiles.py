"""The rule files, as Prometheus reads them.

PyYAML writes each rule by itself, so that a recording rule can have its meaning above it as a comment, which no YAML
library but ruamel keeps. ``promtool check rules`` reads the result in a test.
"""

from __future__ import annotations

import importlib.util
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any
from unittest import mock

import yaml

from . import alerts, recording, thresholds

INTERVAL = "1m"


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as literal blocks."""


def _text(dumper: _Dumper, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _dumped(value: object) -> str:
    # One line for each text, however long: a description that is cut in lines makes every change of it hard to read.
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6)
    return text


def _file(notice: str, groups: Iterable[tuple[str, Iterable[tuple[str, Mapping[str, object]]]]]) -> str:
    """Return a file of rules: the groups' names, and of each rule the comment, or nothing, and the fields."""
    text = f"# {notice}\ngroups:\n"
    for name, rules in groups:
        text += textwrap.indent(_dumped([{"name": name, "interval": INTERVAL}]) + "  rules:\n", "  ")
        for comment, rule in rules:
            text += textwrap.indent((f"# {comment}\n" if comment else "") + _dumped([dict(rule)]), "      ")
    return text


def recording_file(notice: str) -> str:
    """Return the file of recording rules."""
    return _file(
        notice,
        (
            (name, [(row.help, {"record": row.name, "expr": row.expr}) for row in rows])
            for name, rows in recording.GROUPS.items()
        ),
    )


def _with_pod(summary: str) -> str:
    """Name the pod beside the address, which nobody knows by heart; outside Kubernetes there is none."""
    return summary.replace(
        "{{ $labels.instance }}", "{{ $labels.instance }}{{ with $labels.pod }} (pod {{ . }}){{ end }}"
    )


def _alert(alert: alerts.Alert) -> dict[str, object]:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.duration,
        "labels": {"severity": alert.severity} | ({"verdict": alert.verdict} if alert.verdict else {}),
        "annotations": {
            "summary": _with_pod(alert.summary),
            "description": alert.description,
            "runbook_url": alerts.runbook_url(alert),
            "dashboard_url": alerts.dashboard_url(alert),
        },
    }


def alerts_file(notice: str) -> str:
    """Return the file of alerts."""
    return _file(notice, ((name, [("", _alert(alert)) for alert in rows]) for name, rows in alerts.GROUPS.items()))


def named_alerts_file(notice: str) -> str:
    """Return the file of alerts with ``@name@`` in place of each threshold, for the chart, which takes other values."""
    spec = importlib.util.find_spec(alerts.__name__)
    if spec is None or spec.loader is None:
        raise ImportError(alerts.__name__)
    named = importlib.util.module_from_spec(spec)
    with mock.patch.object(thresholds, "at", "@{}@".format):
        spec.loader.exec_module(named)  # the expressions are made where the module is
    return _file(notice, ((name, [("", _alert(alert)) for alert in rows]) for name, rows in named.GROUPS.items()))


def thresholds_file(notice: str) -> str:
    """Return the thresholds by name, each with its unit and reason."""
    lines = (f"# {each.unit}. {each.why}.\n{name}: {each}\n" for name, each in thresholds.THRESHOLDS.items())
    return f"# {notice}\n" + "".join(lines)
