"""The rules of Grafana's dashboard-linter, written again: the tool itself, a Go program, is not at hand.

Each rule has the name that it has there. What breaks one is in ``EXCLUDED`` with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import promql_parser
import pytest

from bokeh_exporter.catalogue import BY_NAME
from grafana.recording import RECORDED

from .promql import nodes, parse
from .test_boards import FILES, Json, load, panels

pytestmark = pytest.mark.once

#: Rule -> what is meant to break it -> why.
EXCLUDED: Mapping[str, Mapping[str, str]] = {
    "uneditable-dashboard-rule": {"": "a user looks for the cause with the board, and changes it for that"},
    "panel-units-rule": {"/s": "events per second: the linter's list has no unit for what is counted"},
    "target-job-rule": {"ALERTS": "alerts on a pod or an app carry what labels they have"},
    "target-instance-rule": {
        "recorded for a job or pod": "there is no instance in it",
        "ALERTS": "alerts on a pod or an app carry what labels they have",
    },
}

#: The units of ours that are in the linter's list.
UNITS = {"short", "none", "bytes", "Bps", "s", "percentunit", "dtdurations"}
WITH_UNITS = {"stat", "timeseries", "gauge"}

Rule = Callable[[Json], Iterator[str]]


def shown(board: Json) -> Iterator[Json]:
    return (panel for panel in panels(board) if panel["type"] != "row")


def targets(board: Json) -> Iterator[tuple[str, Any]]:
    for panel in shown(board):
        for target in panel["targets"]:
            yield f"{panel['title']}: {target['expr']}", parse(target["expr"])


def selected(board: Json) -> Iterator[tuple[str, Any]]:
    for where, tree in targets(board):
        yield from ((where, node) for node in nodes(tree) if isinstance(node, promql_parser.VectorSelector))


def template(board: Json, name: str) -> Iterator[str]:
    (found,) = (each for each in board["templating"]["list"] if each["name"] == name)
    wanted = {"type": "query", "label": name.title(), "multi": True, "allValue": ".+"}
    yield from (f"{key} is {found[key]!r}" for key, value in wanted.items() if found[key] != value)
    if found["datasource"]["uid"] != "${datasource}":
        yield "another datasource"


def template_datasource(board: Json) -> Iterator[str]:
    (found,) = (each for each in board["templating"]["list"] if each["type"] == "datasource")
    wanted = {"name": "datasource", "label": "Data source", "query": "prometheus"}
    yield from (f"{key} is {found[key]!r}" for key, value in wanted.items() if found[key] != value)


def template_label_promql(board: Json) -> Iterator[str]:
    for each in board["templating"]["list"]:
        if each["type"] == "query":
            inner = re.fullmatch(r"label_values\((.*), \w+\)", each["query"]["query"])
            if inner is None:
                yield each["name"]
            else:
                parse(inner[1])


def template_on_time_change_reload(board: Json) -> Iterator[str]:
    yield from (
        each["name"] for each in board["templating"]["list"] if each["type"] == "query" and each["refresh"] != 2
    )


def panel_datasource(board: Json) -> Iterator[str]:
    yield from (panel["title"] for panel in shown(board) if panel["datasource"]["uid"] != "${datasource}")


def panel_title_description(board: Json) -> Iterator[str]:
    yield from (f"panel {panel['id']}" for panel in shown(board) if not panel["title"] or not panel["description"])


def panel_units(board: Json) -> Iterator[str]:
    for panel in shown(board):
        defaults = panel["fieldConfig"]["defaults"]
        unit = defaults.get("unit")
        if panel["type"] in WITH_UNITS and unit not in UNITS | EXCLUDED["panel-units-rule"].keys():
            yield f"{panel['title']}: {unit}"


def panel_no_targets(board: Json) -> Iterator[str]:
    yield from (panel["title"] for panel in shown(board) if not panel["targets"])


def target_promql(board: Json) -> Iterator[str]:
    assert list(targets(board))  # what is no PromQL ends here
    yield from ()


def target_rate_interval(board: Json) -> Iterator[str]:
    for panel in shown(board):
        for target in panel["targets"]:
            windows = re.findall(r"\bi?rate\([^[]*\[([^]]+)\]", target["expr"])
            yield from (f"{panel['title']}: {window}" for window in windows if window != "$__rate_interval")


def matcher(board: Json, label: str) -> Iterator[str]:
    for where, node in selected(board):
        name = str(node.name)
        has = {(each.name, str(each.op)) for each in node.matchers.matchers}
        if label in {each for each, _ in has} or name in ("ALERTS", "ALERTS_FOR_STATE"):
            continue
        if label == "instance" and name in RECORDED and "instance" not in RECORDED[name].labels:
            continue
        yield f"{where}: {name} has no {label}"


def target_counter_agg(board: Json) -> Iterator[str]:
    for where, tree in targets(board):
        inside = {
            id(part)
            for node in nodes(tree)
            if isinstance(node, promql_parser.Call) and node.func.name in ("rate", "irate", "increase")
            for part in nodes(node)
        }
        for node in nodes(tree):
            metric = BY_NAME.get(str(getattr(node, "name", "")))
            if metric is not None and metric.kind == "counter" and id(node) not in inside:
                counted = re.findall(rf"(?:rate|increase)\({metric.name}", where)
                if len(counted) < where.count(f"{metric.name}{{"):
                    yield f"{where}: {metric.name}"


RULES: Mapping[str, Rule] = {
    "template-datasource-rule": template_datasource,
    "template-job-rule": lambda board: template(board, "job"),
    "template-instance-rule": lambda board: template(board, "instance"),
    "template-label-promql-rule": template_label_promql,
    "template-on-time-change-reload-rule": template_on_time_change_reload,
    "panel-datasource-rule": panel_datasource,
    "panel-title-description-rule": panel_title_description,
    "panel-units-rule": panel_units,
    "panel-no-targets-rule": panel_no_targets,
    "target-promql-rule": target_promql,
    "target-rate-interval-rule": target_rate_interval,
    "target-job-rule": lambda board: matcher(board, "job"),
    "target-instance-rule": lambda board: matcher(board, "instance"),
    "target-counter-agg-rule": target_counter_agg,
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_dashboard_linter(path: Any, rule: str) -> None:
    assert list(RULES[rule](load(path))) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_marks_of_the_verdict_are_on_its_timeline_only(path: Any) -> None:
    board = load(path)
    (mark,) = (each for each in board["annotations"]["list"] if each["name"] == "Verdict changes")
    shows = [panel["id"] for panel in shown(board) if panel["type"] == "state-timeline"]
    assert mark["filter"] == {"exclude": False, "ids": shows}


def test_the_server_board_asks_little_until_a_row_is_opened() -> None:
    (board,) = (load(path) for path in FILES if path.stem == "bokeh-server")
    rows = [(row["title"].partition(":")[0], row["collapsed"]) for row in board["panels"] if row["type"] == "row"]
    assert [title for title, collapsed in rows if not collapsed] == ["Now", "Sessions"]


def test_legends_of_servers_name_the_pod() -> None:
    for path in FILES:
        for panel in shown(load(path)):
            for target in panel["targets"]:
                assert "{{instance}}" not in target["legendFormat"] or "{{pod}}" in target["legendFormat"], panel[
                    "title"
                ]


def test_errors_that_were_none_are_zero() -> None:
    (board,) = (load(path) for path in FILES if path.stem == "bokeh-server")
    zeros = {panel["title"] for panel in shown(board) if panel["fieldConfig"]["defaults"].get("noValue") == "0"}
    assert zeros >= {"Failed creations", "Failed callbacks", "Refused", "Container events", "Errors in hooks"}
