"""``bokeh-exporter inspect`` on real apps: names, lines and what each move rebuilds, against the apps' source."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import psutil
import pytest

from bokeh_exporter.inspecting import inspect, with_lifetime
from bokeh_exporter.soak import Plan

from ..support import APPS
from ..support.servers import environment

Row = dict[str, Any]
KEYS = {"class", "name", "file", "line", "function", "shown", "models", "bytes", "seconds"}


def line_of(app: str, start: str) -> int:
    lines = (APPS / app).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if start in line)


def command(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bokeh_exporter", "inspect", *map(str, arguments)],
        env=environment(dict(env or {})), capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip


def serving(app: Path, **variables: str) -> list[psutil.Process]:
    """Return the processes that serve an app, with such variables: another worker's test may serve it meanwhile."""
    return [
        each
        for each in psutil.process_iter(["cmdline", "environ"])
        if {"serve", str(app)} <= set(each.info["cmdline"] or ())
        and variables.items() <= (each.info["environ"] or {}).items()
    ]


def by_name(rows: list[Row]) -> dict[str, Row]:
    return {row["name"]: row for row in rows if row["name"]}


def by_label(content: Row) -> dict[str, Row]:
    return {move["label"] or move["widget"]: move for move in content["moves"]}


def classes(rows: list[Row]) -> list[str]:
    return sorted(row["class"] for row in rows for _ in range(row.get("count", 1)))


class Page(HTMLParser):
    """What a page loads from elsewhere, and the words of its picture."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [f"{tag} {name}={value}" for name, value in attributes if name in ("src", "href", "xlink:href")]


@pytest.mark.bokeh4
@pytest.mark.front_door
def test_a_plain_bokeh_app() -> None:
    app = "inspected_bokeh.py"
    content = inspect(Plan.of(APPS / app, server_args=with_lifetime(()))).content
    assert all(set(row) >= KEYS for row in content["elements"])
    elements = by_name(content["elements"])
    source = elements["source"]
    assert (source["class"], source["file"], source["line"]) == ("ColumnDataSource", app, line_of(app, "source ="))
    assert (source["bytes"], source["shown"]) == (elements["plot"]["bytes"], True)
    assert elements["plot"]["models"] > 20
    assert elements["out"]["class"] == "Column", "what a function of Bokeh's made is found by its variable"
    assert [(row["name"], row["line"], row["shown"]) for row in content["never_used"]] == [
        ("spare", line_of(app, "spare ="), False)
    ]
    moves = by_label(content)
    assert list(moves) == ["Renew", "Data", "Fails", "tabs", "Inner"], "what a tab shows is moved while it is shown"
    renew = moves["Renew"]
    assert (renew["name"], renew["line"]) == ("renew", line_of(app, "renew ="))
    assert [each["name"].rpartition(":")[2] for each in renew["functions"]] == ["renewed"]
    assert renew["rebuilds"] == [{
        "library": "bokeh", "class": "Div", "name": None, "file": app, "line": line_of(app, "return Div"),
        "function": "words", "caller": "renewed", "count": 2,
    }]  # fmt: skip
    assert renew["models"]["created"] == renew["back"]["models"]["created"] == renew["back"]["models"]["removed"] == 2
    data = moves["Data"]
    assert (data["rebuilds"], data["models"]["created"]) == ([], 0)
    assert [(row["class"], row["name"]) for row in data["updates"]] == [("ColumnDataSource", "source")]
    assert data["bytes"] > 100
    assert "KeyError" in moves["Fails"]["error"]
    assert moves["Data"]["error"] is None
    assert content["not_moved"] == [{"widget": "Button 'Press'", "why": "a click cannot be undone; use --click"}]


def test_what_is_made_at_import_deferred_in_a_class_and_never_shown() -> None:
    app = "inspected_panel.py"
    content = inspect(Plan.of(APPS / app, server_args=with_lifetime(()))).content
    imported = {each["module"]: (each["file"], each["line"]) for each in content["import"]["modules"]}
    assert imported["inspected_module"] == (app, line_of(app, "import inspected_module"))
    elements = by_name(content["elements"])
    assert {name for name, row in elements.items() if row["once"] == "import"} == {"shared"}
    assert {"rows", "text", "secret", "source", "plot", "card", "self.shown", "self.slider"} <= set(elements)
    assert elements["self.slider"]["line"] == line_of(app, "self.slider = "), "from_param is called by this line"
    (pane,) = [row for row in content["elements"] if row["class"] == "Param"]
    assert (pane["label"], pane["line"], pane["shown"]) == ("Settings", line_of(app, "settings = "), True)
    deferred = [row for row in content["elements"] if row["function"] == "table"]
    assert [(row["class"], row["file"], row["shown"]) for row in deferred] == [
        ("Str", "inspected_module.py", True), ("Str", "inspected_module.py", True),
        ("Column", "inspected_module.py", True),
    ]  # fmt: skip
    assert list(by_name(content["never_used"])) == ["unused"]
    moves = by_label(content)
    rows = moves["Rows"]
    assert classes(rows["rebuilds"]) == ["Column", "Str", "Str"]
    assert {each["caller"] for each in rows["rebuilds"]} == {"table"}
    assert {row["name"] for row in rows["updates"]} == {"source", "<lambda>()"}, "what dropped shows is copied"
    assert [row["name"] for row in moves["Size"]["updates"]] == ["self.shown"]
    assert "Hidden" in moves, "a card is opened"
    assert {"First", "Second"} <= set(moves), "the widgets of a Param pane"
    assert moves["Size"]["name"] == "self.slider"
    assert {each["widget"]: each["why"] for each in content["not_moved"]}["PasswordInput 'Word'"] == (
        "passwords and files are never entered"
    )


@pytest.mark.long
def test_everything_that_panel_and_holoviews_do_in_a_template_as_json_and_html(tmp_path: Path) -> None:
    app, page, mine = "elements_panel.py", tmp_path / "report.html", {"COUNTS": str(tmp_path / "counts.json")}
    done = command(
        APPS / app, "--query", "template=1&key=marker-7f3a", "--json", "--html", page,
        env=mine,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)  # one object and nothing else
    assert set(content) >= {"app", "elements", "never_used", "moves"}
    assert {(row["class"], row["name"], row["line"]) for row in content["never_used"]} == {
        ("IntSlider", "spare", line_of(app, "spare =")), ("Points", "points", line_of(app, "points =")),
    }  # fmt: skip
    elements = by_name(content["elements"])
    assert elements["text()"]["class"] == "Markdown"
    assert elements["counter"]["class"] == "Counter"
    assert elements["bound"]["function"] == "slider"
    assert [row["shown"] for row in content["elements"] if row["line"] == line_of(app, "tabs =")] == [True, True]
    assert [row["shown"] for row in content["elements"] if row["function"] == "second"] == [False]
    maps = {row["name"] for row in content["elements"] if row["class"] in ("DynamicMap", "HoloMap")}
    assert maps == {"dynamic", "hvplotted"}, "and none that the libraries made of them to draw them"
    moves = by_label(content)
    assert classes(moves["bound"]["rebuilds"]) == ["Column", "Markdown", "Tabulator"]
    assert {row["line"] for row in moves["bound"]["rebuilds"]} == {line_of(app, "return pn.Column")}
    for label, name in (
        ("depended", "text()"), ("watched", "shown"), ("awaited", "shown"), ("counter", "shown"),
        ("streamed", "dynamic"), ("plotted", "hvplotted"),
    ):  # fmt: skip
        assert (moves[label]["rebuilds"], [row["name"] for row in moves[label]["updates"]]) == ([], [name]), label
        assert moves[label]["models"]["created"] == 0
    assert classes(moves["tabs"]["rebuilds"]) == ["Markdown"], "its models are made when the tab is shown"
    assert moves["tabs"]["advice"] == [], "the function that made it has not run"

    text = page.read_text()
    shown = Page(text)
    assert shown.loads == []
    assert {"svg", "table"} <= shown.tags
    assert "script" not in shown.tags
    for words in ("bound", "view()", "rebuilt, elements_panel.py", "never used, elements_panel.py"):
        assert words in text
    assert "marker-7f3a" not in text + done.stdout + done.stderr
    assert serving(APPS / app, **mine) == []


@pytest.mark.once
def test_the_diffs_that_are_advised_make_it_in_place(tmp_path: Path) -> None:
    app = tmp_path / "advised_panel.py"
    app.write_text((APPS / app.name).read_text())
    plan = Plan.of(app, server_args=with_lifetime(()))
    before = by_label(inspect(plan).content)
    assert set(before) == {"table", "words", "both", "plot", "swap"}
    for label, move in before.items():
        assert move["models"]["created"] > 0, label
        assert move["models"]["removed"] == move["models"]["created"], label
        (one,) = move["advice"]
        assert one["text"].count("at each move") + one["text"].count("in the place of") == 1
        (tmp_path / "change.diff").write_text(one["diff"])
        subprocess.run(["git", "apply", "--unidiff-zero", "change.diff"], cwd=tmp_path, check=True, timeout=20)
    for label, move in by_label(inspect(plan).content).items():
        assert (move["error"], move["rebuilds"], move["models"]["created"]) == (None, [], 0), label
        assert move["updates"], label
        assert move["bytes"] < before[label]["bytes"], label


@pytest.mark.once
def test_the_diffs_that_are_advised_in_plain_bokeh(tmp_path: Path) -> None:
    app = tmp_path / "advised_bokeh.py"
    app.write_text((APPS / app.name).read_text())
    plan = Plan.of(app, server_args=with_lifetime(()))
    before = by_label(inspect(plan).content)
    swap, turn = before["swap"], before["turn"]
    assert (len(swap["rebuilds"]), swap["models"]["created"], turn["rebuilds"]) == (1, 1, [])
    (row,) = turn["recomputes"]
    assert (row["function"], row["count"]) == ("advised_bokeh.py:turned", 8)
    assert row["seconds"] <= turn["parts"]["recompute"] + 0.001
    assert turn["advice"][0]["text"].startswith("turned(): 8 recomputes, ")
    assert turn["advice"][0]["text"].endswith(" ms: make the changes in one `with doc.models.freeze():`")
    for move in (swap, turn):
        (one,) = move["advice"]
        (tmp_path / "change.diff").write_text(one["diff"])
        subprocess.run(["git", "apply", "--unidiff-zero", "change.diff"], cwd=tmp_path, check=True, timeout=20)
    after = by_label(inspect(plan).content)
    assert [(move["error"], move["rebuilds"], move["advice"]) for move in after.values()] == [(None, [], [])] * 2
    assert (after["swap"]["models"]["created"], len(after["swap"]["updates"])) == (0, 1)
    (row,) = after["turn"]["recomputes"]
    assert row["count"] == 1
    assert row["seconds"] < sum(each["seconds"] for each in turn["recomputes"])


@pytest.mark.once
@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import panel as pn\npn.Column(\n", "SyntaxError: '(' was never closed"),
        ("from bokeh.io import curdoc\nraise RuntimeError('boom')\n", "the app failed: RuntimeError: boom"),
        ("import sys\nsys.exit(3)\n", "the server ended with status 3"),
        (
            "import bokeh_exporter as b\nfrom bokeh.io import curdoc\nb.uninstall()\nb.install(collect='callback')\n"
            "curdoc().add_next_tick_callback(lambda: None)\n",
            "the app has switched it off, or to another level",
        ),
    ],
    ids=["syntax", "raises", "exits", "another level"],
)
def test_an_app_that_fails_is_one_line_and_leaves_nothing_behind(tmp_path: Path, source: str, words: str) -> None:
    app = tmp_path / "app.py"
    app.write_text(source)
    done = command(app, "--json")
    assert done.returncode == 2, done.stderr
    assert words in json.loads(done.stdout)["error"]
    assert [line for line in done.stderr.splitlines() if "bokeh-exporter: " in line] == done.stderr.splitlines()[-1:]
    assert words in done.stderr
    assert serving(app) == []


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.py"], "nowhere.py: there is no such file or directory"),
        ([__file__, "--html", "/nowhere/page.html"], "there is no such directory"),
        ([__file__, "--host", "flask"], "must be one of panel, bokeh"),
    ],
)
def test_wrong_usage_ends_with_64_and_one_line(arguments: list[str], words: str) -> None:
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (64, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


SLIDERS = """
from bokeh.io import curdoc
from bokeh.models import Column, Div, Slider
out = Column(children=[Div(text="0")])
still = Div(text="0")
add = Slider(title="Add", start=0, end=9, step=1, value=0)
change = Slider(title="Change", start=0, end=9, step=1, value=0)
add.on_change("value", lambda attr, old, new: setattr(out, "children", [Div(text=str(new))%s]))
change.on_change("value", lambda attr, old, new: setattr(still, "text", str(new)))
curdoc().add_root(Column(children=[add, change, out, still]))
"""
BUDGETS = """
def test_in_place(assert_interaction):
    move = assert_interaction("app.py", "Change", rebuilds=0, models=0, milliseconds=20_000, bytes=2_000)
    assert [each["name"] for each in move["updates"]] == ["still"]

def test_rebuilt(assert_interaction):
    assert_interaction("app.py", "add", models=1)

def test_too_much(assert_interaction):
    assert_interaction("app.py", "Add", rebuilds=0, models=0, bytes=10)

def test_unknown(assert_interaction):
    assert_interaction("app.py", "Nobody", rebuilds=0)
"""


def pytest_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    outer = dict.fromkeys([name for name in os.environ if name.startswith("PYTEST_")])
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", ".", *arguments], cwd=folder,
        env=environment(outer), capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip


@pytest.mark.once
def test_budgets_hold_a_move_and_a_report_compares_it_with_the_baseline(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SLIDERS % "")
    (tmp_path / "test_it.py").write_text(BUDGETS)
    options = ["--bokeh-baseline", "costs.json", "--bokeh-report", "costs.md"]
    done = pytest_in(tmp_path, *options, "--bokeh-update-baseline")
    assert "2 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    for words in (
        "app.py: a move of 'Add' costs more than its budget", "models created: 1, and 0 are allowed",
        "rebuilt: 1, and 0 are allowed", "rebuilt Div (app.py:8)",
        "Nobody: no widgets have that label or variable; there are Add, Change",
    ):  # fmt: skip
        assert words in done.stdout, done.stdout
    assert "There is no baseline of this app." in (tmp_path / "costs.md").read_text()
    stored = json.loads((tmp_path / "costs.json").read_text())["apps"]["app.py"]
    assert (stored["Add"]["models"], stored["Change"]["models"], stored["Change"]["rebuilds"]) == (1, 0, 0)

    (tmp_path / "app.py").write_text(SLIDERS % ", Div(text='more')")
    (tmp_path / "test_it.py").write_text("def test(assert_interaction): assert_interaction('app.py', 'Add')")
    done = pytest_in(tmp_path, *options, "-n", "1")  # a worker hands over what it has seen
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    rows = [line for line in (tmp_path / "costs.md").read_text().splitlines() if line.startswith("| Add ")]
    assert rows[0].startswith("| Add | **2** (+1) | **2** (+1) | **")
    assert json.loads((tmp_path / "costs.json").read_text())["apps"]["app.py"] == stored


@pytest.mark.once
def test_a_baseline_that_is_none_and_an_option_without_its_file(tmp_path: Path) -> None:
    done = pytest_in(tmp_path, "--bokeh-update-baseline")
    assert (done.returncode, "needs --bokeh-baseline FILE" in done.stderr) == (4, True)
    (tmp_path / "costs.json").write_text("[]")
    (tmp_path / "test_it.py").write_text("def test(): pass")
    done = pytest_in(tmp_path, "--bokeh-baseline", "costs.json")
    assert (done.returncode, done.stderr.count("costs.json: no baseline of interactions")) == (4, 1), done.stderr
    assert "Traceback" not in done.stdout + done.stderr
