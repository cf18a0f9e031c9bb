"""The tree of an interaction: which function built which element, by the names and lines that the app knows."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from ..support.servers import APPS, ServerProcess, panel_serve
from ..support.tabs import Tab
from ..support.waiting import wait_until
from ..support.web import get
from .test_sessions import LONG_MS

Row = dict[str, Any]
APP = "elements_tree.py"


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with panel_serve(APP, env={"BOKEH_EXPORTER_COLLECT": "element"}, lifetime_ms=LONG_MS) as running:
        yield running


@pytest.fixture(scope="module")
def tab(server: ServerProcess) -> Iterator[Tab]:
    with server.open_tab("/elements_tree") as opened:
        yield opened


def line_of(text: str) -> int:
    lines = (APPS / APP).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def interactions(server: ServerProcess) -> list[Row]:
    found: list[Row] = json.loads(get(f"{server.exporter_url}/api/v1/status").text)["interactions"]
    return found


def settled(server: ServerProcess, **cause: Any) -> Row:
    def last() -> Row | None:
        found = [one for one in interactions(server) if cause.items() <= one["cause"].items() and not one["quiet"]]
        return found[0] if found and found[0]["finished"] else None

    return wait_until(last, message=f"an interaction of {cause} that has ended")


def nodes(tree: list[Row]) -> dict[str, Row]:
    """Return the functions of a tree that no other called, by their bare names; the script is empty."""
    return {(node["name"] or "").rpartition(":")[2]: node for node in tree}


def test_the_build_names_variables_and_lines(server: ServerProcess, tab: Tab) -> None:
    (build,) = [one for one in interactions(server) if one["kind"] == "build"]
    script = {(one["class"], one["name"]): one["line"] for one in nodes(build["tree"])[""]["elements"]}
    assert script["IntSlider", "rows"] == line_of("rows = pn.widgets")
    assert script["Button", "lonely"] == line_of("lonely = ")
    (plot,) = nodes(build["tree"])["wave"]["elements"]
    assert (plot["class"], plot["name"], plot["line"]) == ("figure", "plot", line_of("plot = figure"))
    assert plot["models"] > 25  # its axes, tools, and what ``plot.line`` adds


def test_a_pane_around_a_rebuilt_plot_says_so(server: ServerProcess, tab: Tab) -> None:
    model = next(each for each in tab.models if each["name"] == "Slider" and "factor" not in str(each["attributes"]))
    tab.patch([{"kind": "ModelChanged", "model": {"id": model["id"]}, "attr": "value", "new": 7}])
    row = settled(server, widget="IntSlider", label="rows")  # by its variable: it has no name
    assert row["cause"]["line"] == line_of("rows = pn.widgets")
    assert row["panel"]["rebuilt"] == {"Bokeh": 1} | row["panel"]["rebuilt"]

    found = nodes(row["tree"])
    wave = found["wave"]
    assert (wave["file"], wave["line"]) == (APP, line_of("def wave"))
    (plot,) = wave["elements"]
    assert (plot["class"], plot["how"], plot["inside"]) == ("figure", "rebuilt", "Bokeh")
    assert (plot["count"], wave["calls"]) == (2, 1)
    assert plot["models"] > 50
    column = next(one for one in found["table"]["elements"] if one["class"] == "Column")
    assert (column["name"], column["line"]) == ("column", line_of("column = pn.Column"))
    # What ran again is below what made it run.
    (again,) = [each for each in found["follows"]["functions"] if each["name"].endswith(":wave")]
    assert again["calls"] == 1

    line = server.wait_log(r"/elements_tree IntSlider 'rows' .*$")[0]
    assert f"rebuilt 2 figure plot ({APP}:{line_of('plot = figure')}) inside Bokeh pane" in line
    assert "by follows()" in line
    assert "updated Bokeh" not in line
    log = server.log()
    assert "(panel:" not in log, "the console script is no user's"
    assert "ParamFunction0" not in log
    assert "IntSlider0" not in log


def test_each_move_of_the_mouse_has_its_own_chain(server: ServerProcess, tab: Tab) -> None:
    plots = [each for each in tab.models if each["name"] == "Figure"]
    plot = next(each for each in plots if "mousemove" in str(each["attributes"].get("subscribed_events")))
    moves = 6
    for x in range(moves):
        event = {"model": {"id": plot["id"]}, "x": x, "y": x, "sx": x, "sy": x, "modifiers": None}
        values = {"type": "map", "entries": [[key, value] for key, value in event.items()]}
        data = {"type": "event", "name": "mousemove", "values": values}
        tab.patch([{"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": data}], wait=x == moves - 1)

    def moved() -> list[Row] | None:
        found = [one for one in interactions(server) if one["cause"]["property"] == "mousemove"]
        return found if len(found) == moves and found[0]["functions"] else None

    found = wait_until(moved, message="the last move of the mouse has run the function")
    assert [each["name"] for each in found[0]["functions"]] == [f"{APP}:cross"]
    for one in found:
        assert sum(each["calls"] for each in one["functions"]) <= 1


def test_watch_prints_the_tree_while_it_happens(server: ServerProcess, tab: Tab) -> None:
    command = [sys.executable, "-m", "bokeh_exporter", "watch", server.exporter_url, "--app", "/elements_tree"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        try:
            assert watching.stdout is not None
            lines = iter(watching.stdout.readline, "")
            said = [next(line for line in lines if "/elements_tree build" in line)]  # what was there comes first
            tab.set("factor", value=5)
            said = [next(line for line in lines if "IntSlider 'factor'" in line)]
            while "└─ time:" not in said[-1]:
                said.append(next(lines))
        finally:
            watching.terminate()
    text = "".join(said)
    assert f"(elements_tree.py:{line_of('factor = pn.widgets')})" in said[0]
    assert "├─ wave()" in text
    assert f"│  └─ rebuilt figure plot ({APP}:{line_of('plot = figure')}) inside Bokeh pane, " in text
