"""Panels as Grafana 11.6 wants them, from a title, what to do about it, and queries.

A small builder of our own: ``grafana-foundation-sdk`` needs Python 3.11, shares no type between its
panels that a helper could take, and has no field for what a Prometheus annotation shows. What these
few options do is looked at, drawn by Grafana's own code (``make pictures``). The file is a little long: a kind of
panel is a function, and what they share stays beside them.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .promql import metrics_in
from .recording import RECORDED

Json = dict[str, Any]
DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}

GREEN, YELLOW, ORANGE, RED, BLUE, GREY = "green", "yellow", "orange", "red", "blue", "text"
#: The catalogue's units -> Grafana's, for a level and for its rate.
UNITS = {"s": "s", "By": "bytes"}
VERDICT_COLORS = {
    "healthy": GREEN, "event_loop_stalled": "dark-red", "lingering_sessions": YELLOW, "retained_sessions": RED,
    "session_growth": ORANGE, "process_growth": "purple", "fragmentation": BLUE,
}  # fmt: skip


@dataclass(frozen=True)
class Query:
    """One query and the name of its series; ``unit`` on its own axis at the right."""

    expr: str
    legend: str = "__auto"
    unit: str = ""

    def target(self, ref: str, **more: object) -> Json:
        """Return it as a panel's target."""
        return {
            "refId": ref, "datasource": DATASOURCE, "editorMode": "code", "expr": self.expr,
            "legendFormat": self.legend, "range": True, **more,
        }  # fmt: skip


@dataclass(frozen=True)
class Panel:
    """A panel without its place: the board gives it ``id`` and ``gridPos``."""

    body: Json
    width: int
    height: int
    queries: Sequence[Query]
    #: Column headings of a table and the like are names, so they are kept for the tests.
    may_be_empty: bool = False


@dataclass(frozen=True)
class Row:
    """A heading and its panels, left to right; ``collapsed`` ones ask nothing until they are opened."""

    title: str
    panels: Sequence[Panel]
    collapsed: bool = False


@dataclass(frozen=True)
class Column:
    """A column of a table: which query, its heading, how it looks."""

    query: str
    title: str
    unit: str = "short"
    decimals: int | None = None
    width: int | None = None
    steps: Sequence[tuple[float | None, str]] = ()
    mappings: Sequence[Json] = field(default_factory=tuple)


# --- pieces --------------------------------------------------------------------------------------


def unit_of(expr: str) -> str:
    """Return Grafana's unit of a query by the catalogue: of a rate, a level or a share of time."""
    metrics = metrics_in(expr)
    unit = UNITS.get(metrics[0].unit, "short") if metrics else "short"
    if "_count{" in expr:
        return "/s"
    if "histogram_quantile" in expr or "rate(" not in expr:
        return unit
    return {"bytes": "Bps", "s": "percentunit"}.get(unit, "/s")


def about(queries: Iterable[Query]) -> list[str]:
    """Return what the catalogue says of the metrics that are asked."""
    lines: list[str] = []
    for query in queries:
        names = [row for row in RECORDED.values() if row.name in query.expr]
        lines += [f"`{metric.name}`: {metric.help}." for metric in metrics_in(query.expr)]
        lines += [f"`{row.name}` (recorded): {row.help}." for row in names]
    return list(dict.fromkeys(lines))


def thresholds(steps: Sequence[tuple[float | None, str]]) -> Json:
    """Return steps of colour; the first has no lower bound."""
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for value, color in steps]}


def mapping(**texts: tuple[str, str]) -> Json:
    """Return a mapping of values to a text and a colour; an underscore stands before a digit."""
    options = {
        value.removeprefix("_"): {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(texts.items())
    }
    return {"type": "value", "options": options}


def by_name(name: str, **properties: object) -> Json:
    """Return an override for one series or column; ``custom__width`` is ``custom.width``."""
    values = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": values}


def colored(colors: Mapping[str, str]) -> list[Json]:
    """Return overrides that give series their colours."""
    return [by_name(name, color={"mode": "fixed", "fixedColor": color}) for name, color in colors.items()]


def _panel(kind: str, title: str, advice: str, queries: Sequence[Query], **more: Any) -> Json:
    description = "\n\n".join([advice, *about(queries)])
    instant: Json = {"range": False, "instant": True} if kind in ("stat", "bargauge", "table") else {}
    if kind == "table":
        instant["format"] = "table"
    targets = [query.target(ref, **instant) for ref, query in zip(string.ascii_uppercase, queries, strict=False)]
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": targets,
        **more,
    }


# --- panels --------------------------------------------------------------------------------------

_FEW = {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []}
_MANY = {
    "showLegend": True,
    "displayMode": "table",
    "placement": "right",
    "calcs": ["max"],
    "sortBy": "Max",
    "sortDesc": True,
}
_REDUCE = {"calcs": ["lastNotNull"], "fields": "", "values": False}


def lines(
    title: str,
    advice: str,
    *queries: Query,
    unit: str = "",
    width: int = 8,
    height: int = 8,
    stacked: bool = False,
    limits: Sequence[tuple[float, str]] = (),
    colors: Mapping[str, str] | None = None,
    minimum: float | None = 0,
    maximum: float | None = None,
    many: bool = False,
    empty: bool = False,
    zero: bool = False,
) -> Panel:
    """Return a time series panel.

    ``limits`` are drawn as lines. ``many`` series with long names have their legend at the right, highest first.
    ``empty`` says that no data may be good news, ``zero`` that it is: nothing was counted, so 0 stands there.
    """
    custom: Json = {"lineWidth": 1, "fillOpacity": 30 if stacked else 8, "showPoints": "never", "spanNulls": False}
    if stacked:
        custom["stacking"] = {"mode": "normal", "group": "A"}
    defaults: Json = {"unit": unit or unit_of(queries[0].expr), "custom": custom, "color": {"mode": "palette-classic"}}
    if minimum is not None:
        defaults["min"] = minimum
    if maximum is not None:
        defaults["max"] = maximum
    if zero:
        defaults["noValue"] = "0"
    if limits:
        defaults["thresholds"] = thresholds([(None, "transparent"), *limits])
        custom["thresholdsStyle"] = {"mode": "dashed"}
    overrides = colored(colors or {})
    overrides += [by_name(query.legend, unit=query.unit, custom__axisPlacement="right", custom__fillOpacity=0)
                  for query in queries if query.unit]  # fmt: skip
    body = _panel(
        "timeseries", title, advice, queries,
        fieldConfig={"defaults": defaults, "overrides": overrides},
        options={
            "legend": _MANY if many else _FEW,
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    )  # fmt: skip
    return Panel(body, width, height, queries, empty or zero)


def stat(
    title: str,
    advice: str,
    query: Query,
    *,
    unit: str = "",
    width: int = 3,
    height: int = 4,
    decimals: int | None = None,
    steps: Sequence[tuple[float | None, str]] = ((None, BLUE),),
    mappings: Sequence[Json] = (),
    none: str = "none",
    text: str = "auto",
    empty: bool = False,
) -> Panel:
    """Return one number, coloured by steps; ``none`` is shown where there is no series."""
    defaults: Json = {
        "unit": unit or unit_of(query.expr), "thresholds": thresholds(steps), "mappings": list(mappings),
        "noValue": none, "color": {"mode": "thresholds"},
    }  # fmt: skip
    if decimals is not None:
        defaults["decimals"] = decimals
    body = _panel(
        "stat", title, advice, [query],
        fieldConfig={"defaults": defaults, "overrides": []},
        options={"reduceOptions": _REDUCE, "colorMode": "value", "graphMode": "none", "textMode": text,
                 "justifyMode": "auto", "orientation": "auto"},
    )  # fmt: skip
    return Panel(body, width, height, [query], empty)


def table(
    title: str, advice: str, labels: Mapping[str, str], columns: Sequence[Column], *, width: int = 24, height: int = 8,
    links: Mapping[str, str] | None = None, empty: bool = False, sort: str = "",
) -> Panel:  # fmt: skip
    """Return a table: a row for each set of labels (name -> heading), a column for each query."""
    queries = [Query(column.query) for column in columns]
    values = [f"Value #{ref}" if len(columns) > 1 else "Value" for ref in string.ascii_uppercase[: len(columns)]]
    titles = {**labels, **dict(zip(values, (column.title for column in columns), strict=True))}
    overrides = []
    for column in columns:
        look: Json = {"unit": column.unit}
        if column.decimals is not None:
            look["decimals"] = column.decimals
        if column.width is not None:
            look["custom.width"] = column.width
        if column.steps:
            look |= {"thresholds": thresholds(column.steps), "custom.cellOptions": {"type": "color-text"}}
        if column.mappings:
            look |= {"mappings": list(column.mappings), "custom.cellOptions": {"type": "color-text"}}
        overrides.append(by_name(column.title, **look))
    for name, url in (links or {}).items():
        overrides.append(by_name(labels[name], links=[{"title": "Open", "url": url}]))
    transformations = [
        {"id": "merge", "options": {}},
        {"id": "filterFieldsByName", "options": {"include": {"names": list(titles)}}},
        {
            "id": "organize",
            "options": {"indexByName": {name: i for i, name in enumerate(titles)}, "renameByName": titles},
        },
    ]
    body = _panel(
        "table", title, advice, queries,
        fieldConfig={"defaults": {"custom": {"align": "auto", "inspect": False}, "color": {"mode": "thresholds"}},
                     "overrides": overrides},
        options={"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": sort, "desc": True}] if sort else []},
        transformations=transformations,
    )  # fmt: skip
    return Panel(body, width, height, queries, empty)


def timeline(
    title: str, advice: str, query: Query, mappings: Sequence[Json], *, width: int = 24, height: int = 5
) -> Panel:
    """Return states over time, one band for each series."""
    body = _panel(
        "state-timeline", title, advice, [query],
        fieldConfig={"defaults": {"mappings": list(mappings), "color": {"mode": "thresholds"},
                                  "thresholds": thresholds([(None, GREY)]),
                                  "custom": {"fillOpacity": 80, "lineWidth": 0}}, "overrides": []},
        options={"mergeValues": True, "showValue": "auto", "rowHeight": 0.85, "alignValue": "left",
                 "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom"},
                 "tooltip": {"mode": "single", "sort": "none"}},
    )  # fmt: skip
    return Panel(body, width, height, [query])
