"""The shipped boards are what the code builds, ask for what the catalogue has, and fit Grafana's grid."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bokeh_exporter.catalogue import CATALOGUE
from grafana.alerts import ALERTS
from grafana.board import GridError, place
from grafana.boards import BOARDS
from grafana.panels import Panel, Query
from grafana.promql import UnknownSeriesError, chosen, metric_of
from grafana.recording import RECORDED

from .promql import labels_of, parse, selectors

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
Json = dict[str, Any]

#: Labels that Prometheus or the platform gives; ``le`` is a histogram's.
TARGET_LABELS = {"job", "instance", "namespace", "pod", "host", "le", "alertname", "alertstate", "severity"}


def load(path: Path) -> Json:
    board: Json = json.loads(path.read_text(encoding="utf-8"))
    return board


def panels(board: Json) -> Iterator[Json]:
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", [])


def expressions(board: Json) -> Iterator[str]:
    for panel in panels(board):
        yield from (target["expr"] for target in panel.get("targets", []))
    yield from (one["expr"] for one in board["annotations"]["list"] if "expr" in one)


def test_the_files_are_what_the_code_builds() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "grafana" / "build.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_drift_is_named_and_mended(tmp_path: Path) -> None:
    for folder in ("grafana", "bokeh_exporter", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "pictures"))
    build = [sys.executable, str(tmp_path / "grafana" / "build.py")]
    fleet = tmp_path / "grafana" / "dashboards" / "bokeh-fleet.json"
    good = fleet.read_text()
    fleet.write_text(good.replace("Who is worst", "Who is best"))
    (tmp_path / "grafana" / "dashboards" / "mine.json").write_text("{}")
    done = subprocess.run([*build, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "grafana/dashboards/bokeh-fleet.json is out of date: run `python grafana/build.py`" in done.stderr
    assert "grafana/dashboards/mine.json is out of date" in done.stderr
    subprocess.run(build, capture_output=True, check=True)
    assert fleet.read_text() == good


def test_uids_are_a_contract() -> None:
    assert [board.uid for board in BOARDS] == ["bokeh-fleet", "bokeh-server", "bokeh-leak-hunt", "bokeh-elements"]
    assert {alert.board for alert in ALERTS.values()} <= {board.uid for board in BOARDS}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_board_is_complete(path: Path) -> None:
    board = load(path)
    assert [one["name"] for one in board["templating"]["list"]] == ["datasource", "job", "namespace", "instance", "app"]
    assert all(one["multi"] and one["includeAll"] for one in board["templating"]["list"][1:])
    assert {one["name"] for one in board["annotations"]["list"]} >= {"Restarts", "Reloads", "Verdict changes"}
    assert board["links"][0]["tags"] == board["tags"]
    ids = [panel["id"] for panel in panels(board)]
    assert len(ids) == len(set(ids))
    for panel in panels(board):
        if panel["type"] == "row":
            continue
        # What it means comes from the catalogue; what to do begins with the condition.
        assert panel["description"].startswith("If "), panel["title"]
        assert "${datasource}" in json.dumps(panel["datasource"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_panels_fit_the_grid_and_do_not_overlap(path: Path) -> None:
    board = load(path)
    groups = [list(board["panels"]), *(one["panels"] for one in board["panels"] if one.get("panels"))]
    for group in groups:
        taken: set[tuple[int, int]] = set()
        for panel in group:
            grid = panel["gridPos"]
            assert grid["x"] >= 0
            assert grid["x"] + grid["w"] <= 24, panel["title"]
            cells = {(grid["x"] + i, grid["y"] + j) for i in range(grid["w"]) for j in range(grid["h"])}
            assert not cells & taken, panel["title"]
            taken |= cells


def test_a_panel_that_does_not_fit_ends_the_build() -> None:
    wide = Panel({"title": "wide"}, 25, 8, [Query("up")])
    with pytest.raises(GridError, match="wide is 25 columns wide"):
        list(place([wide], 0))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_queries_ask_for_what_there_is(path: Path) -> None:
    for expr in expressions(load(path)):
        tree = parse(expr)
        for name, matched in selectors(tree):
            if name in ("ALERTS", "ALERTS_FOR_STATE"):
                continue
            metric = metric_of(name)
            assert metric is not None or name in RECORDED, f"{name} in {expr}"
            known = set(metric.label_names) if metric else set(RECORDED[name].labels)
            assert matched <= known | TARGET_LABELS, expr
        every = {label for metric in CATALOGUE for label in metric.label_names}
        assert labels_of(tree) <= every | TARGET_LABELS, expr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_query_aggregates(path: Path) -> None:
    """A bare series would show one line per ``otel_scope_*`` value where it came through OpenTelemetry."""
    for expr in expressions(load(path)):
        assert re.search(r"\b(sum|max|min|avg|count|topk|bottomk|histogram_quantile)\b[^{]*\(", expr), expr


def test_rates_use_the_interval_that_grafana_knows() -> None:
    windows = {window for path in FILES for expr in expressions(load(path))
               for window in re.findall(r"\b(?:rate|increase|changes|resets)\([^[]*\[([^]]+)\]", expr)}  # fmt: skip
    assert windows == {"$__rate_interval", "$__range"}


@pytest.mark.parametrize(
    ("name", "labels", "problem"),
    [
        ("bokeh_session", {}, "is not in the catalogue"),
        ("bokeh_sessions", {"kind": "unused"}, "has no label 'kind'"),
        ("bokeh_sessions", {"state": "=~unused|idle"}, "is never"),
        ("bokeh_sessions_count", {}, "is not in the catalogue"),
    ],
)
def test_a_misspelt_series_ends_the_build(name: str, labels: dict[str, str], problem: str) -> None:
    with pytest.raises(UnknownSeriesError, match=problem):
        chosen(name, **labels)
