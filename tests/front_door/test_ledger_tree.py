"""The tree of an interaction: which function built which element, by the names and lines that the app knows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from bokeh.util.token import get_session_id
from playwright.sync_api import Route, sync_playwright

from ..support.servers import APPS, ServerProcess, answers, free_port, panel_serve
from ..support.tabs import Tab, open_tab
from ..support.waiting import wait_until
from ..support.web import get
from .test_sessions import LONG_MS

Row = dict[str, Any]
APP = "elements_tree.py"


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    env = {"BOKEH_EXPORTER_COLLECT": "element", "BOKEH_EXPORTER_DEBUG": "1"}
    with panel_serve(APP, env=env, lifetime_ms=LONG_MS) as running:
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


def move_rows(tab: Tab, value: int) -> None:
    """Move the slider that has no name."""
    model = next(each for each in tab.models if each["name"] == "Slider" and "factor" not in str(each["attributes"]))
    tab.patch([{"kind": "ModelChanged", "model": {"id": model["id"]}, "attr": "value", "new": value}])


def test_the_build_names_variables_and_lines(server: ServerProcess, tab: Tab) -> None:
    (build,) = [one for one in interactions(server) if one["kind"] == "build"]
    script = {(one["class"], one["name"]): one["line"] for one in nodes(build["tree"])[""]["elements"]}
    assert script["IntSlider", "rows"] == line_of("rows = pn.widgets")
    assert script["Button", "lonely"] == line_of("lonely = ")
    move_rows(tab, 1)
    assert build["session"] is not None
    assert build["session"] == settled(server, widget="IntSlider", label="rows", new=1)["session"]
    (plot,) = nodes(build["tree"])["wave"]["elements"]
    assert (plot["class"], plot["name"], plot["line"]) == ("figure", "plot", line_of("plot = figure"))
    assert plot["models"] > 25  # its axes, tools, and what ``plot.line`` adds


def test_a_pane_around_a_rebuilt_plot_says_so(server: ServerProcess, tab: Tab) -> None:
    move_rows(tab, 7)
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


def test_plots_of_hvplot_and_holoviews_stand_below_their_function_with_their_line(
    server: ServerProcess, tab: Tab
) -> None:
    def plots(row: Row, name: str) -> dict[str, Row]:
        found = nodes(row["tree"])[name]["elements"] if name in nodes(row["tree"]) else []
        return {each["class"]: each for each in found if each["library"] == "holoviews"}

    bars, line = (line_of(each) for each in ("hvplot.bar(", "line = hv.Curve"))
    (build,) = [one for one in interactions(server) if one["kind"] == "build"]
    assert {key: (one["line"], one["how"]) for key, one in plots(build, "").items()} == {"Bars": (bars, "rendered")}
    made = plots(build, "overlaid")
    assert {key: one["line"] for key, one in made.items()} == {"Bars": bars, "Curve": line, "Overlay": line + 1}

    # What is deferred has no change yet that it replaces, and still is its function's.
    def loaded() -> list[Row] | None:
        found = [one for one in interactions(server) if one["kind"] == "onload"]
        return found if found and all(one["finished"] for one in found) else None

    line_of_it = line_of("return hv.Scatter")
    for one in wait_until(loaded, message="what is deferred is loaded"):
        (scatter,) = plots(one, "deferred").values()
        assert (scatter["class"], scatter["line"], scatter["how"]) == ("Scatter", line_of_it, "rendered")
        assert one["bytes_sent"] * 0.9 < scatter["bytes"] <= one["bytes_sent"]
        # Up to Bokeh 3.9 the first is sent when both have been built.
        assert one["parts"]["other"] < 0.1 * one["seconds"]

    tab.set("months", value=4)
    moved = settled(server, label="months")
    assert plots(moved, "") == {}
    (unseen,) = plots(moved, "unseen").values()
    assert (unseen["how"], unseen["inside"]) == ("constructed", None), "in a tab that nobody has opened"
    made = plots(moved, "overlaid")
    assert {key: one["line"] for key, one in made.items()} == {"Bars": bars, "Curve": line, "Overlay": line + 1}
    assert (made["Overlay"]["how"], made["Overlay"]["inside"]) == ("rebuilt", "HoloViews")
    assert made["Overlay"]["bytes"] == moved["bytes_sent"] > 5000

    # An echo of a plot that HoloViews calls as the component around it.
    made_up = re.compile(r"ParamFunction\d{5}")
    *_, plot = [
        each for each in tab.models
        if each["name"] == "Figure" and made_up.fullmatch(str(each["attributes"].get("name")))
    ]  # fmt: skip
    tab.patch([{"kind": "ModelChanged", "model": {"id": plot["id"]}, "attr": "inner_width", "new": 196}])
    quiet = json.loads(get(f"{server.exporter_url}/api/v1/status?quiet=1").text)["interactions"]
    echo = next(one["cause"] for one in quiet if one["cause"]["property"] == "inner_width")
    assert (echo["widget"], echo["label"]) == ("figure", None)


def test_what_made_a_function_run_three_times_for_one_move(server: ServerProcess, tab: Tab) -> None:
    tab.set("source", value=5)
    row = settled(server, label="source")
    (one,) = row["advice"]
    assert (one["function"], one["outline"]) == (f"{APP}:costly", None)
    said = re.fullmatch(r"costly\(\) ran 3 times, \d+ ms: (.*); (.*); (.*)", one["text"])
    assert said, one["text"]
    widget = f"({APP}:{line_of('source, second = (')})"  # a line that names none of its widgets
    assert set(said.groups()) == {
        f"for value of IntSlider 'source' {widget}",
        "for copied.value, changed by copies()",
        f"for value of IntSlider 'second' {widget}, changed by copies()",
    }
    assert one["text"] in server.wait_log(r"/elements_tree IntSlider 'source' .*$")[0]


def test_what_panel_writes_later_is_sent_by_who_changed_it(server: ServerProcess, tab: Tab) -> None:
    """While a message is being written Panel puts off the changes of two interactions, and writes them in one task."""
    tab.set("one", value=100)
    tab.set("other", value=200)
    tab.set("write", value=1)
    for name, length in ("one", 300), ("other", 1000):
        row = settled(server, label=name)
        (node,) = row["tree"]
        (note,) = node["elements"]
        assert (node["name"], node["bytes"]) == (f"{APP}:{name}_later", 0)
        assert (note["class"], note["line"], note["how"]) == ("Str", line_of("notes ="), "in_place")
        assert length < note["bytes"] == row["bytes_sent"] < length + 300
        assert row["patches"] == 1
        assert row["parts"]["send"] > 0
    assert settled(server, label="write")["bytes_sent"] == 0


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


#: As the ledger words it, of a function that is quick here.
ADVICE = {
    "function": f"{APP}:wave", "text": "wave(): 4 recomputes, 361 of 820 ms: make the changes in one",
    "outline": " def wave(...):\n+    with doc.models.freeze():\n         ...",
}  # fmt: skip
SHOW = "async (one) => new (await import('/elements.js')).Elements().add(one)"


def advised(route: Route) -> None:
    """Give what ``factor`` set off an advice, in the real answer."""
    answer = route.fetch()
    status = answer.json()
    for one in status["interactions"]:
        if one["cause"]["label"] == "factor":
            one["advice"] = [ADVICE]
    route.fulfill(response=answer, json=status)


def test_the_page_shows_the_tree_and_what_is_touched(server: ServerProcess, tab: Tab) -> None:
    browser_path = shutil.which("chromium")
    assert browser_path, "there is no chromium: apt-get install chromium"
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(30_000)
        page.on("console", lambda one: said.append(one.text) if one.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.route("**/api/v1/status*", advised)
        page.goto(server.exporter_url)
        tree, plot = page.locator("#elements-tree"), f"figure plot ({APP}:{line_of('plot = figure')})"
        unused = tree.locator('[data-how="unused"]')
        unused.wait_for()
        assert unused.inner_text() == f"never used Checkbox unused ({APP}:{line_of('unused = ')})"
        page.evaluate("window.stays = document.querySelector('#elements-tree > li')")

        tab.set("factor", value=9)
        widget = tree.locator("li", has_text="“factor”").last
        rebuilt = widget.locator('[data-how="rebuilt"]', has_text=plot)
        rebuilt.wait_for()
        assert re.search(r"inside Bokeh pane .*\d+ models, .* kB$", rebuilt.inner_text()), "models, time and bytes"
        assert "kB" in widget.locator(".cost").first.inner_text()
        # What another widget sets off leaves it untouched.
        model = next(
            each for each in tab.models if each["name"] == "Slider" and "factor" not in str(each["attributes"])
        )
        tab.patch([{"kind": "ModelChanged", "model": {"id": model["id"]}, "attr": "value", "new": 11}])
        widget.locator('[data-how="untouched"]', has_text=plot).wait_for()
        assert page.evaluate("window.stays.isConnected"), "it is brought up to date, not drawn again"

        page.select_option("#elements-app", "/elements_tree")
        assert page.locator("#elements-tree > li:visible").count() == 1
        summary = tree.locator("summary").first  # the keyboard closes a branch and opens it again
        summary.press("Enter")
        unused.wait_for(state="hidden")
        summary.press("Enter")

        page.locator("#interactions summary", has_text=re.compile(r"“factor” \d+ → 9\b")).press("Enter")
        opened = page.locator("#interactions details[open]")
        opened.locator(".timeline .part-functions").first.wait_for()
        assert "wave(): functions" in opened.inner_text()
        assert f"rebuilt {plot.split(' (')[0]}" in opened.inner_text(), "what it built, by name"
        advice = opened.locator(".advice")
        assert ADVICE["text"] in advice.inner_text()
        assert advice.locator("pre").inner_text() == ADVICE["outline"]
        assert page.locator("#interactions summary", has_text=re.compile(r"→ 9\b")).locator(".mark").count() == 1
        # In the tree it stands below its function, in sight and within reach of the keyboard.
        page.evaluate(SHOW, {**settled(server, label="factor", new=9), "app": "/advised", "advice": [ADVICE]})
        page.select_option("#elements-app", "/advised")
        advice = tree.locator('[data-key="/advised"] [data-key$=":wave"] .advice')
        assert ADVICE["text"] in advice.inner_text()
        advice.locator("pre").focus()
        assert advice.locator("pre:focus").get_attribute("aria-label") == "The change in outline"
        link = opened.locator("a[download]").get_attribute("href")
        trace = json.loads(get(f"{server.exporter_url}/{link}").text)
        assert {each["cat"] for each in trace["traceEvents"] if each["ph"] == "X"} >= {"functions", "models", "send"}
        sessions = page.locator("#sessions-table tbody tr")
        sessions.first.wait_for()
        assert "/elements_tree" in sessions.first.inner_text()
        sessions.locator("button").first.click()  # what this session did
        page.locator("#one-session").wait_for()
        page.locator("#interactions > details").first.wait_for()
        found = Axe().run(page).response["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []
        browser.close()
    assert said == []


def test_live_sessions_are_ranked_by_what_they_hold_and_do(server: ServerProcess, tab: Tab) -> None:
    def sessions(query: str = "") -> list[Row]:
        answer = get(f"{server.exporter_url}/api/v1/sessions{query}")
        assert answer.status == 200, answer.text
        for secret in (tab.token, get_session_id(tab.token)):
            assert secret not in answer.text
        found: list[Row] = json.loads(answer.text)["sessions"]
        return found

    with server.open_tab("/elements_tree") as other:
        move_rows(other, 900)  # its plot has 902 points
        settled(server, widget="IntSlider", label="rows", new=900)

        def grown() -> list[Row] | None:
            found = [row for row in sessions("?by=data_source_bytes") if row["connections"]]
            return found if len(found) == 2 and found[0]["data_source_bytes"] > 14_000 else None

        first, second = wait_until(grown, message="the data of both sessions is known")
        causes = {one["session"] for one in interactions(server) if one["cause"]["new"] == 900}
        assert causes == {first["session"]}, "it is called as in the interactions"
        assert first["session"] != second["session"]
        status = json.loads(get(f"{server.exporter_url}/api/v1/status?session={first['session']}").text)
        assert {one["session"] for one in status["interactions"]} == {first["session"]}
        assert {one["cause"]["new"] for one in status["interactions"]} >= {900}
        assert first["data_source_bytes"] > 2 * second["data_source_bytes"]
        for row in (first, second):
            assert row["app"] == "/elements_tree"
            assert row["models"] > 50
            assert 0 < row["busy_seconds"] < 60
        assert sessions("?by=last_activity")[0]["session"] == first["session"]
        assert len(sessions("?limit=1")) == 1
        assert get(f"{server.exporter_url}/api/v1/sessions?by=name").status == 400
    wait_until(lambda: sum(row["connections"] for row in sessions()) == 1, message="the other tab has gone")


def test_watch_serves_an_app_and_leaves_no_server_behind() -> None:
    port = free_port()
    command = [sys.executable, "-m", "bokeh_exporter", "watch", str(APPS / "slider_bokeh.py"), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
        try:
            assert watching.stdout is not None
            assert watching.stderr is not None
            assert f"http://localhost:{port}/slider_bokeh" in watching.stderr.readline()
            with open_tab(f"http://localhost:{port}", "/slider_bokeh"):
                assert "/slider_bokeh build" in watching.stdout.readline()
        finally:
            watching.terminate()
        assert watching.wait(20) == 0
    wait_until(lambda: not answers(port), message="the server has ended with the command")
