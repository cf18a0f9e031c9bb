"""The shipped rules: read and tried by promtool, each alert firing and quiet, each with its runbook and board."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bokeh_exporter import cli
from bokeh_exporter.catalogue import VERDICTS
from grafana.alerts import ALERTS, Alert
from grafana.boards import BOARDS
from grafana.promql import metric_of
from grafana.recording import RECORDED
from grafana.thresholds import THRESHOLDS

from ...front_door.e2e.shortened import shorten
from .promql import labels_of, parse, selectors

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "grafana" / "rules"
RUNBOOKS = ROOT / "docs" / "runbooks"
TRIALS = sorted(RULES.glob("*_test.yaml"))
HEADINGS = ["What it means", "What the user sees", "How to confirm", "What to change", "An example"]
TARGET_LABELS = {"job", "instance", "namespace", "pod", "host", "le", "alertname", "alertstate"}

#: Of Prometheus and of every process, not of our catalogue.
GIVEN = {"ALERTS", "up", "process_start_time_seconds"}

by_name = pytest.mark.parametrize("alert", ALERTS.values(), ids=lambda alert: alert.name)


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    assert program is not None, "promtool is not here: apt-get install prometheus"
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, cwd=RULES)


def rules() -> dict[str, dict[str, Any]]:
    """The rules of both files, by name, as Prometheus reads them."""
    files = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES.glob("bokeh-*.yaml"))
    every = [rule for file in files for group in file["groups"] for rule in group["rules"]]
    return {rule.get("alert") or rule["record"]: rule for rule in every}


def test_promtool_reads_the_rules() -> None:
    done = promtool("check", "rules", "bokeh-recording.yaml", "bokeh-alerts.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
@pytest.mark.parametrize("path", TRIALS, ids=lambda path: path.stem)
def test_alerts_fire_and_keep_quiet(path: Path) -> None:
    done = promtool("test", "rules", path.name)
    assert done.returncode == 0, done.stdout + done.stderr


def trials() -> list[tuple[str, set[str], set[str]]]:
    """Each promtool test: its name, the metrics it has, the alerts that it wants to see."""
    found = []
    for path in TRIALS:
        for one in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            metrics = {series["series"].split("{")[0] for series in one["input_series"]}
            wanted = {name for check in one["promql_expr_test"] for sample in check["exp_samples"]
                      for name in re.findall(r'alertname="(\w+)"', sample["labels"])}  # fmt: skip
            # By severity in one place: the two of a container.
            wanted |= {"BokehMemoryExhaustionImminent"} if "70 % are full" in one["name"] else set()
            found.append((one["name"], metrics, wanted))
    return found


def raw_metrics(expr: str, seen: frozenset[str] = frozenset()) -> set[str]:
    """The metrics that an expression reads, through the recorded ones."""
    found: set[str] = set()
    for name, _ in selectors(parse(expr)):
        if name in RECORDED and name not in seen:
            found |= raw_metrics(RECORDED[name].expr, seen | {name})
        elif not name.startswith("ALERTS"):
            found.add(name)
    return found


@by_name
def test_every_alert_is_tried_firing_and_quiet(alert: Alert) -> None:
    assert [name for name, _, wanted in trials() if alert.name in wanted], "never fires in a test"
    reads = raw_metrics(alert.expr)
    quiet = [name for name, metrics, wanted in trials() if alert.name not in wanted and metrics & reads]
    assert quiet, "is never seen to keep quiet"


@by_name
def test_an_alert_says_what_where_and_what_next(alert: Alert) -> None:
    rule = rules()[alert.name]
    said = rule["annotations"]
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert re.fullmatch(r"\d+[mh]", rule["for"])
    assert "$value" in said["description"]
    assert said["runbook_url"].endswith(f"/{alert.name}.md")
    assert said["runbook_url"].startswith(("http://{{ $labels.instance }}/", "http://{{ with printf "))
    assert f"/d/{alert.board}?" in said["dashboard_url"]
    assert "var-job={{ $labels.job | urlquery }}" in said["dashboard_url"]
    # What a template names must be a label of the result, or the text has a hole.
    used = set(re.findall(r"\$labels\.(\w+)", " ".join(said.values())))
    assert used <= set(alert.labels) | {"pod", "host"}
    assert alert.verdict in ("", *VERDICTS)


def test_every_verdict_has_an_alert() -> None:
    assert {alert.verdict for alert in ALERTS.values()} - {""} == set(VERDICTS) - {"healthy"}


@pytest.mark.parametrize("name", rules())
def test_rules_read_what_there_is(name: str) -> None:
    tree = parse(rules()[name]["expr"])
    for metric_name, matched in selectors(tree):
        metric = metric_of(metric_name)
        assert metric or metric_name in RECORDED or metric_name in GIVEN, metric_name
        known = set(metric.label_names) if metric else set(getattr(RECORDED.get(metric_name), "labels", ()))
        assert matched <= known | TARGET_LABELS, metric_name
    known = {label for row in RECORDED.values() for label in row.labels}
    assert labels_of(tree) <= known | TARGET_LABELS | {"hook", "state", "callback"}


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_names_say_level_metric_operations(name: str) -> None:
    level, metric, operations = name.split(":")
    assert re.fullmatch(r"(job|job_app|instance|instance_app|pod)", level)
    assert metric.startswith("bokeh_")
    assert operations


def test_no_threshold_is_left_over() -> None:
    source = (ROOT / "grafana" / "alerts.py").read_text(encoding="utf-8")
    assert {key for key in THRESHOLDS if f'"{key}"' not in source and f"'{key}'" not in source} == set()


def test_cgroups_are_never_summed() -> None:
    every = [rule["expr"] for rule in rules().values()]
    every += [query.expr for board in BOARDS for query in board.queries()]
    summed = re.compile(r"(sum|avg)[^(]*\([^()]*bokeh_cgroup_memory_(usage|limit|inactive)")
    assert [expr for expr in every if summed.search(expr)] == []


# --- time, shortened for the end-to-end run ----------------------------------------------------------


def test_shortened_rules_differ_in_time_only() -> None:
    for path in RULES.glob("bokeh-*.yaml"):
        text = path.read_text(encoding="utf-8")
        short = shorten(text, 60)
        assert re.findall(r"\b\d+[mhd]\b(?!in)", re.sub(r"#.*|\w+:\w+:\w+|(summary|description).*", "", short)) == []
        assert shorten(text, 1).replace("ms", "") != text
        assert re.sub(r"\d+ms|\d+[smhd]\b", "", short) == re.sub(r"\d+ms|\d+[smhd]\b", "", text)


# --- runbooks ----------------------------------------------------------------------------------------


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {*ALERTS, "README"}


@by_name
def test_a_page_has_all_its_parts(alert: Alert) -> None:
    text = (RUNBOOKS / alert.page).read_text(encoding="utf-8")
    assert text.startswith(f"# {alert.name}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS
    assert all(len(part.split()) > 3 or part.split("\n")[0] == "What the user sees" for part in text.split("\n## ")[1:])
    if alert.verdict:
        assert f"`{alert.verdict}`" in text
    # Other alerts that it sends the reader to exist.
    assert set(re.findall(r"\bBokeh[A-Z]\w+[a-z]\b", text)) - {"BokehTornado", "BokehASGI"} <= set(ALERTS)
    confirm = text.split("## How to confirm")[1].split("## What to change")[0]
    if alert.verdict not in ("", "event_loop_stalled"):  # explain is for what stays in memory
        assert "`bokeh-exporter explain " in confirm
    assert "`bokeh-exporter doctor " in confirm


@by_name
def test_the_queries_of_a_page_ask_for_what_there_is(alert: Alert) -> None:
    queries = re.findall(r"```promql\n(.*?)```", (RUNBOOKS / alert.page).read_text(encoding="utf-8"), re.DOTALL)
    assert queries
    for query in queries:
        for name, matched in selectors(parse(query)):
            metric = metric_of(name)
            assert metric is not None, name
            assert matched <= set(metric.label_names), query


def test_commands_of_the_runbooks_exist() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in RUNBOOKS.glob("*.md"))
    assert set(re.findall(r"`bokeh-exporter ([a-z-]+)", text)) - {"explain"} <= set(cli.commands.commands)
