"""Boards and alerts, seen working: real servers that leak, a real Prometheus and Alertmanager, a webhook."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from bokeh_exporter.catalogue import BY_NAME
from grafana.boards import BOARDS

from ...repository.grafana.promql import filled
from ...support.versions import BOKEH_VERSION
from ...support.waiting import wait_until
from .stack import CASES, Case, Stack, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900), pytest.mark.alone("e2e")]

#: On a machine that has more to do than processors for it every loop *is* late, and with time shortened a few such
#: seconds are minutes. Where others load it, these two are not held against a case; nothing else is let pass.
LATE = {"BokehEventLoopLagHigh", "BokehEventLoopStalled"}
#: What the situation does not have: a limit of the container, and pages drawn by a browser.
ABSENT = {"Fullest container", "Time until out of memory", "Held for slow browsers", "Page ready", "Waiting for memory",
          "Container events", "Errors in hooks", "Values folded into other", "Failed creations"}  # fmt: skip
EXECUTOR = {"Worker threads (Bokeh 3.10)", "Wait for a worker (Bokeh 3.10)"}
#: Columns of the containers' table that need a limit.
NEEDS_LIMIT = ("bokeh_cgroup_memory_limit_bytes", "bokeh_cgroup_memory_working_set:ratio", "time_to_limit")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.mark.parametrize("case", [case for case in CASES if case.alert], ids=lambda case: case.job)
def test_the_alert_of_a_running_leak_arrives(stack: Stack, case: Case) -> None:
    wait_until(lambda: case.alert in stack.webhook.firing(case.job), 420, f"{case.alert} arrives", interval=1)
    alert = next(one for one in stack.webhook.alerts if one["labels"]["job"] == case.job
                 and one["labels"]["alertname"] == case.alert)  # fmt: skip
    said = alert["annotations"]
    assert "error expanding template" not in " ".join(said.values())
    assert f"var-job={case.job}" in said["dashboard_url"]
    if "instance" in alert["labels"]:
        assert alert["labels"]["instance"] in said["summary"]


def panels() -> list[tuple[str, str, str]]:
    return [(board.uid, panel.body["title"], query.expr)
            for board in BOARDS for panel in board.panels() for query in panel.queries]  # fmt: skip


def test_every_query_of_every_panel_finds_what_there_is(stack: Stack) -> None:
    absent = ABSENT | (set() if BOKEH_VERSION >= (3, 10) else EXECUTOR)
    limited = bool(stack.prometheus.query("bokeh_cgroup_memory_limit_bytes"))
    empty = []
    for board, title, expr in panels():
        # A minute is to the shortened rules what an hour is to the shipped ones.
        query = filled(expr).replace("[5m]", "[20s]").replace("[6h]", "[10m]")
        found = stack.prometheus.query(query)
        needs_limit = not limited and any(name in expr for name in NEEDS_LIMIT)
        if not found and title not in absent and not needs_limit:
            empty.append(f"{board}: {title}: {query}")
    assert empty == []


def test_every_metric_of_a_panel_is_scraped(stack: Stack) -> None:
    """Even where a panel keeps only what is above zero, what it reads is there."""
    names = {sample["metric"]["__name__"] for sample in stack.prometheus.query('count by (__name__) ({job!=""})')}
    optional = {name for name, metric in BY_NAME.items() if metric.optional}
    wanted = {name for name, metric in BY_NAME.items() if metric.kind != "histogram"} - optional
    counted = {"bokeh_exporter_errors_total", "bokeh_exporter_overflow_total"}  # first seen when something goes wrong
    assert wanted - names - counted == set()


def test_no_other_alert_fires(stack: Stack) -> None:
    overloaded = os.getloadavg()[1] > 2 * (os.cpu_count() or 1)
    noise = {case.job: (LATE if overloaded else {"BokehEventLoopLagHigh"}) - {case.alert} for case in CASES}
    fired = {case.job: stack.prometheus.firing(case.job) - noise[case.job] for case in CASES}
    assert fired == {case.job: {case.alert} if case.alert else set() for case in CASES}
    arrived = {case.job: stack.webhook.firing(case.job) - noise[case.job] for case in CASES}
    assert arrived == fired


def test_the_driver_was_served(stack: Stack) -> None:
    assert len(stack.troubles) < 20, stack.troubles
