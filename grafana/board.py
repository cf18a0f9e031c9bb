"""A board: its rows in Grafana's grid of 24 columns, and what all four have in common."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .panels import DATASOURCE, Json, Panel, Query, Row
from .promql import SCOPE, by, chosen, increase

COLUMNS = 24
TAG = "bokeh-exporter"
#: Of Grafana 11; newer ones migrate it when they import.
SCHEMA = 41


class GridError(ValueError):
    """A panel does not fit into the grid."""


def place(panels: Sequence[Panel], y: int) -> Iterator[tuple[Panel, Json]]:
    """Yield panels with their places, left to right, in a new line where the width is full.

    Raises:
        GridError: a panel is wider than the grid, or the panels of a line differ in height.
    """
    x, line = 0, 0
    for panel in panels:
        if panel.width > COLUMNS:
            raise GridError(f"{panel.body['title']} is {panel.width} columns wide")
        if x + panel.width > COLUMNS:
            x, y, line = 0, y + line, 0
        if line not in (0, panel.height):
            raise GridError(f"{panel.body['title']} is {panel.height} high, its neighbour {line}")
        yield panel, {"x": x, "y": y, "w": panel.width, "h": panel.height}
        x, line = x + panel.width, panel.height


def _query_variable(name: str, label: str, query: str, every: str = ".*") -> Json:
    # What every target has is matched by `.+`; a laptop has no namespace, and a process without an app no app.
    return {
        "type": "query", "name": name, "label": label, "datasource": DATASOURCE, "definition": query,
        "query": {"query": query, "refId": f"variable-{name}", "qryType": 1}, "refresh": 2, "sort": 1,
        "multi": True, "includeAll": True, "allValue": every, "current": {"text": ["All"], "value": ["$__all"]},
        "hide": 0, "options": [], "regex": "", "skipUrlSync": False,
    }  # fmt: skip


def variables() -> list[Json]:
    """Return the variables, each asked for within what the ones before it choose."""
    servers, scope = "bokeh_exporter_build_info", SCOPE
    return [
        {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "current": {},
         "hide": 0, "includeAll": False, "multi": False, "options": [], "refresh": 1, "regex": "", "skipUrlSync": False},
        _query_variable("job", "Job", f"label_values({servers}, job)", ".+"),
        _query_variable("namespace", "Namespace", f"label_values({servers}{{{scope[0]}}}, namespace)"),
        _query_variable("instance", "Instance", f"label_values({servers}{{{','.join(scope[:2])}}}, instance)", ".+"),
        _query_variable("app", "App", f"label_values(bokeh_sessions{{{','.join(scope)}}}, app)"),
    ]  # fmt: skip


def _annotation(name: str, color: str, expr: str, title: str) -> Json:
    return {
        "name": name, "datasource": DATASOURCE, "enable": True, "hide": False, "iconColor": color, "expr": expr,
        "titleFormat": title, "textFormat": "{{instance}}", "useValueForTime": False,
        "target": {"refId": "Anno", "expr": expr, "interval": "", "range": True},
    }  # fmt: skip


def event_marks(labels: str, timelines: Sequence[int]) -> list[Json]:
    """Return the marks: restarts, reloads, and changes of the verdict, on the panels that show its course."""
    # A counter that every sample moves: where it falls, the process is a new one. OTLP has no process_start_time.
    resets = f"resets({chosen('bokeh_exporter_overhead_seconds_total')}[$__rate_interval])"
    reloads = increase(chosen("bokeh_server_app_reloads_total"))
    verdict = chosen("bokeh_memory_verdict")
    changed = f"({verdict} == 1) and (changes({verdict}[$__rate_interval]) > 0)"
    return [
        {"builtIn": 1, "name": "Annotations & Alerts", "type": "dashboard", "enable": True, "hide": True,
         "datasource": {"type": "grafana", "uid": "-- Grafana --"}, "iconColor": "rgba(0, 211, 255, 1)"},
        _annotation("Restarts", "red", by("sum", labels, resets) + " > 0", "restarted"),
        _annotation("Reloads", "blue", by("sum", labels, reloads) + " > 0", "app reloaded"),
        {**_annotation("Verdict changes", "orange", by("sum", f"{labels}, verdict", changed), "{{verdict}}"),
         "filter": {"exclude": False, "ids": list(timelines)}},
    ]  # fmt: skip


@dataclass(frozen=True)
class Board:
    """A dashboard; ``uid`` is part of links and alerts, so it never changes."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    #: Labels that its annotations keep; a fleet's are counted by job.
    marks: str = "job, namespace, instance"

    def panels(self) -> Iterable[Panel]:
        """Return all panels, those of collapsed rows too."""
        return itertools.chain.from_iterable(row.panels for row in self.rows)

    def queries(self) -> Iterable[Query]:
        """Return all queries of all panels."""
        return itertools.chain.from_iterable(panel.queries for panel in self.panels())

    def json(self, notice: str) -> Json:
        """Return what Grafana imports."""
        ids, placed, y = itertools.count(1), list[Json](), 0
        for row in self.rows:
            heading: Json = {"id": next(ids), "type": "row", "title": row.title, "collapsed": row.collapsed,
                             "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1}, "panels": []}  # fmt: skip
            inside: list[Json] = []
            bottom = y + 1
            for panel, grid in place(row.panels, y + 1):
                inside.append({"id": next(ids), "gridPos": grid, **panel.body})
                bottom = max(bottom, grid["y"] + grid["h"])
            if row.collapsed:
                heading["panels"] = inside
                placed.append(heading)
                y += 1
            else:
                placed += [heading, *inside]
                y = bottom
        timelines = [each["id"] for each in placed if each["type"] == "state-timeline"]
        return {
            "uid": self.uid, "title": self.title, "description": f"{self.description} {notice}", "tags": [TAG],
            "schemaVersion": SCHEMA, "version": 1, "editable": True, "graphTooltip": 1, "timezone": "browser",
            "time": {"from": "now-6h", "to": "now"}, "refresh": "1m", "fiscalYearStartMonth": 0, "weekStart": "",
            "links": [{"title": "Bokeh boards", "type": "dashboards", "tags": [TAG], "asDropdown": False,
                       "includeVars": True, "keepTime": True, "targetBlank": False, "icon": "external link",
                       "tooltip": "", "url": ""}],
            "templating": {"list": variables()}, "annotations": {"list": event_marks(self.marks, timelines)}, "panels": placed,
        }  # fmt: skip
