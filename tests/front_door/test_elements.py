"""The rebuild ledger on real servers: what it says of each interaction is what the documents' own events say."""

from __future__ import annotations

import functools
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from bokeh.util.token import get_session_id
from playwright.sync_api import sync_playwright

from ..support.servers import APPS, ServerProcess, bokeh_serve, panel_serve
from ..support.tabs import Tab
from ..support.waiting import wait_until
from ..support.web import get
from .test_sessions import LONG_MS, Serve

Row = dict[str, Any]
#: Id and class of models.
Held = dict[str, str]
ELEMENT = {"BOKEH_EXPORTER_COLLECT": "element"}
PARTS = {"lock", "threads", "apply", "functions", "models", "recompute", "serialise", "send", "other"}


class Ledger:
    """What the exporter tells of the interactions of a server, and what its app says of its documents."""

    def __init__(self, server: ServerProcess, counts: Path) -> None:
        self.server, self.counts = server, counts

    def status(self) -> Row:
        found: Row = json.loads(get(f"{self.server.exporter_url}/api/v1/status").text)
        return found

    def interactions(self, **cause: Any) -> list[Row]:
        """Return the interactions with this cause, the oldest first."""
        return [
            each for each in reversed(self.status()["interactions"])
            if all(each["cause"][key] == value for key, value in cause.items())
        ]  # fmt: skip

    def settled(self, count: int = 1, **cause: Any) -> Row:
        """Wait until there are so many, and the last one is over; return it."""

        def last() -> Row | None:
            found = self.interactions(**cause)
            return found[-1] if len(found) >= count and found[-1]["finished"] else None

        return wait_until(last, message=f"{count} interactions of {cause}, the last one finished")

    def truth(self, name: str = "", look: Callable[[], None] | None = None) -> tuple[Held, list[Held]]:
        """Return the models that a document holds, and what each change so far has left where it was."""

        def told(least: int = 0) -> Row | None:
            found: Row | None = json.loads(self.counts.read_text()).get(f"truth.{name}")
            return found if found and len(found["stayed"]) > least else None

        # What Panel runs on load may come after the page has been drawn.
        found = wait_until(told, message=f"truth.{name} in {self.counts}", ignoring=(FileNotFoundError,))
        if look is not None:
            seen = len(found["stayed"])
            look()
            found = wait_until(functools.partial(told, seen))
        return found["held"], found["stayed"]

    def move(self, tab: Tab, label: str, value: int) -> Row:
        """Move a slider, and compare what the ledger says of models with the document's truth."""
        look = looking(tab) if any("look" in str(each["attributes"]) for each in tab.models) else None
        before, seen = self.truth(look=look)
        count = len(self.interactions(label=label))
        tab.set(label, value=value)
        row = self.settled(count + 1, label=label)
        after, stayed = self.truth(look=look)
        self.compare(row, before, after)
        kept = {key: cls for each in stayed[len(seen) :] for key, cls in each.items()}
        assert row["models"]["reused"] == dict(Counter(kept.values()))
        return row

    def compare(self, row: Row, before: Held, after: Held) -> None:
        assert Counter(row["models"]["created"]) + Counter(row["models"]["added"]) == Counter(gone(after, before))
        assert row["models"]["removed"] == gone(before, after)


def differs(ledger: Ledger, name: str, before: Held) -> bool:
    return ledger.truth(name)[0] != before


def looking(tab: Tab) -> Callable[[], None]:
    """Return what makes the Panel app look at its document."""
    return lambda: tab.click("look")


def spins(tab: Tab) -> bool:
    """Return whether the busy indicator of a template is on."""
    return any({"loader", "spin"} <= set(each["attributes"].get("css_classes") or ()) for each in tab.models)


def line_of(app: str, start: str) -> int:
    """Return the line of an app that begins so."""
    lines = (APPS / app).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.startswith(start))


def gone(one: Held, other: Held) -> dict[str, int]:
    return dict(Counter(cls for key, cls in one.items() if key not in other))


def ran(row: Row) -> dict[str, int]:
    """Return how often the user's functions ran, by their bare names."""
    for each in row["functions"]:
        assert 0 <= each["busy_seconds"] <= each["seconds"] < 30
    return {each["name"].rpartition(":")[2]: each["calls"] for each in row["functions"]}


def parts(row: Row) -> dict[str, float]:
    """Return the parts of an interaction, which add up to it."""
    found: dict[str, float] = row["parts"]
    assert set(found) == PARTS
    assert all(part >= 0 for part in found.values())
    assert sum(found.values()) == pytest.approx(row["seconds"])
    return found


def edges(row: Row) -> dict[tuple[str, str], int]:
    """Return the bytes from function to element; they and what is of no element are no more than was sent."""
    found = {
        (node["name"].rpartition(":")[2], each["class"]): each["bytes"]
        for node in row["tree"] if node["name"] for each in node["elements"] if each["bytes"]
    }  # fmt: skip
    assert sum(found.values()) + row["unattributed_bytes"] <= row["bytes_sent"]
    return found


def events(exporter: str, last: int) -> str:
    """Return what ``/api/v1/events`` says, up to an interaction."""
    said = b""
    with urlopen(f"{exporter}/api/v1/events?recent=200&quiet=1", timeout=20) as answer:
        while f"id: {last}\n".encode() not in said or not said.endswith(b"\n\n"):
            said += answer.readline()
    return said.decode()


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    return tmp_path / "counts.json"


@pytest.fixture
def bokeh(serve: Serve, counts: Path) -> Ledger:
    env = {**ELEMENT, "COUNTS": str(counts), "BOKEH_EXPORTER_SHOW_QUIET": "1"}
    server = bokeh_serve("elements_bokeh.py", env=env, lifetime_ms=LONG_MS)
    return Ledger(serve(server), counts)


@pytest.fixture
def panel(serve: Serve, counts: Path) -> Ledger:
    server = panel_serve("elements_panel.py", env={**ELEMENT, "COUNTS": str(counts)}, lifetime_ms=LONG_MS)
    return Ledger(serve(server), counts)


@pytest.mark.bokeh4
def test_plain_bokeh(bokeh: Ledger) -> None:
    with bokeh.server.open_tab("/elements_bokeh") as tab:
        (build,) = [each for each in bokeh.status()["interactions"] if each["kind"] == "build"]
        assert build["models"]["created"] == dict(Counter(bokeh.truth()[0].values()))
        unused, later, made = (line_of("elements_bokeh.py", each) for each in ("unused =", "later =", "n ="))
        assert {(each["element"], each["line"]) for each in build["never_used"]} >= {("Div", unused), ("Div", later)}
        assert [each["element"] for each in build["never_used"]].count("Row") == 1  # kept for a callback

        received = tab.received_bytes
        row = bokeh.move(tab, "n", 3)
        assert edges(row) == {("replace", "Row"): row["bytes_sent"]}
        # A message counts as sent before this side has read it.
        wait_until(lambda: tab.received_bytes - received > row["bytes_sent"], message="it came, and the reply")
        assert tab.received_bytes - received - row["bytes_sent"] < 200, "the rest is the reply"
        assert row["cause"] == {
            "widget": "Slider", "label": "n", "property": "value", "old": 0, "new": 3,
            "file": "elements_bokeh.py", "line": made,
        }  # fmt: skip
        assert ran(row) == {"replace": 1}
        assert row["models"]["created"] == {"Row": 1, "Div": 2}
        assert row["models"]["removed"] == {"Row": 1, "Div": 1}
        assert row["models"]["reused"] == row["models"]["discarded"] == {}
        assert row["bytes_sent"] > 100
        assert row["patches"] == 1  # the children; its own change is not sent to the browser
        assert not row["quiet"]
        assert all(parts(row)[part] > 0 for part in ("apply", "functions", "models", "recompute", "serialise", "send"))
        assert {part for part, took in parts(build).items() if took} >= {"functions", "models", "recompute"}
        assert row["panel"] is row["holoviews"] is None

        # The first time what was kept comes, the second time it stays.
        first = bokeh.move(tab, "keep", 1)
        assert (first["models"]["created"], first["models"]["added"]) == ({"Div": 1}, {"Div": 3, "Row": 1})
        again = bokeh.move(tab, "keep", 2)
        assert again["models"]["reused"] == {"Row": 1, "Div": 3}
        assert again["models"]["created"] == again["models"]["removed"] == {"Div": 1}
        (build,) = [each for each in bokeh.status()["interactions"] if each["kind"] == "build"]
        assert {each["line"] for each in build["never_used"]} == {unused}
        # Emptied and filled again within one interaction: the same objects, before and after.
        before, _ = bokeh.truth()
        tab.set("refill", value=1)
        row = bokeh.settled(label="refill")
        bokeh.compare(row, before, bokeh.truth()[0])
        assert row["models"]["reused"] == {"Row": 1, "Div": 2}
        assert set(edges(row)) == {("refilling", "Div"), ("refilling", "Column")}, "what came, and what was emptied"
        assert sum(edges(row).values()) == row["bytes_sent"]
        assert (row["models"]["created"], row["models"]["removed"]) == ({"Div": 1}, {"Div": 2})

        # What another process takes of the processor between the two clocks is in one of the times only: of a few
        # moves the nearest are compared.
        factors = []
        for number in (1, 2, 3):
            tab.set("profiled", value=number)
            row = bokeh.settled(number, label="profiled")
            calls, seconds = json.loads(bokeh.counts.read_text())["profile"]
            (recomputes,) = row["recomputes"]
            assert (recomputes["function"], recomputes["count"]) == ("elements_bokeh.py:profiling", calls)
            assert calls == 5
            factors.append(recomputes["seconds"] / seconds)
            assert parts(row)["recompute"] == pytest.approx(recomputes["seconds"], rel=0.1)
        assert min(factors, key=lambda factor: abs(factor - 1)) == pytest.approx(1, rel=0.2), factors

        before, _ = bokeh.truth()
        tab.click("tick")
        wait_until(lambda: bokeh.truth()[0] != before)
        # A function is listed when it has ended; what it changes is there before.
        (ticked, *_) = wait_until(
            lambda: [one for one in bokeh.status()["interactions"] if one["kind"] == "periodic" and one["functions"]]
        )
        bokeh.compare(ticked, before, bokeh.truth()[0])
        assert ran(ticked) == {"ticking": 1}
        (clicked,) = bokeh.interactions(label="tick")
        assert (clicked["cause"]["property"], ran(clicked)) == ("button_click", {"start": 1})

        before, _ = bokeh.truth()
        tab.set("threaded", value=1)
        wait_until(lambda: bokeh.truth()[0] != before)
        bokeh.settled(label="threaded")
        taken = next(one for one in bokeh.status()["interactions"] if one["kind"] == "next_tick")
        bokeh.compare(taken, before, bokeh.truth()[0])

        moves = [one for one in bokeh.status()["interactions"] if one["kind"] == "property"]
        known = [parts(one) for one in moves]
        assert sum(one["other"] for one in known) < 0.1 * sum(sum(one.values()) for one in known)

        rows = bokeh.status()["most_rebuilt"]
        assert rows[0]["element"] == "Div"
        assert {row["library"] for row in rows} == {"bokeh"}
        assert json.loads(bokeh.counts.read_text())["libraries"] == [], "nobody imports what the app does not"
    scraped = bokeh.server.scrape()
    assert scraped.total("bokeh_exporter_errors_total") == 0
    for timed in ("recompute", "lock_held"):
        assert (scraped.value(f"bokeh_document_{timed}_seconds_count", app="/elements_bokeh") or 0) > 5
        assert (scraped.value(f"bokeh_document_{timed}_seconds_sum", app="/elements_bokeh") or 0) > 0
    text = get(f"{bokeh.server.exporter_url}/metrics").text
    assert not [each for each in text.splitlines() if each.startswith(("panel_", "holoviews_"))]  # not even at zero
    log = bokeh.server.wait_log(r"^.*/elements_bokeh Slider 'n' .*$")[0]
    assert log.endswith(" sent")
    assert f" /elements_bokeh Slider 'n' (elements_bokeh.py:{made}) 0 -> 3: replace() " in log
    assert "; 3 models created, 2 removed, 0 reused; " in log


def test_a_wait_for_the_lock_is_a_part_of_its_own(bokeh: Ledger) -> None:
    """One interaction holds the document over an await until another session says so, the next one waits for it."""
    tab = bokeh.server.open_tab("/elements_bokeh", "name=a")
    control = bokeh.server.open_tab("/elements_bokeh", "name=control")
    tab.set("slow", value=1)  # when its reply is here, the callback that it has scheduled is next
    tab.set("n", value=3, wait=False)
    control.set("open", value="a")
    waited, held = (parts(bokeh.settled(label=label)) for label in ("n", "slow"))
    assert waited["lock"] > 0
    assert held["functions"] > held["other"]
    for one in (tab, control):
        one.close()


def test_two_sessions_that_interleave_over_an_await(bokeh: Ledger) -> None:
    tabs = {name: bokeh.server.open_tab("/elements_bokeh", f"name={name}") for name in "ab"}
    control = bokeh.server.open_tab("/elements_bokeh", "name=control")
    before = {name: bokeh.truth(name)[0] for name in "ab"}
    tabs["a"].set("slow", value=1)
    tabs["b"].set("slow", value=2)
    for name in "ba":  # crossed: the second to begin is the first to end
        control.set("open", value=name)
        wait_until(functools.partial(differs, bokeh, name, before[name]))
    for name, value in ("a", 1), ("b", 2):
        row = bokeh.settled(label="slow", new=value)
        bokeh.compare(row, before[name], bokeh.truth(name)[0])
        assert ran(row) == {"later_on": 1, "later_on.<lambda>": 1} | ran(row)
        assert row["models"]["created"] == {"Div": 1}
    for tab in (*tabs.values(), control):
        tab.close()


@pytest.mark.parametrize("query", ["", "template=1"], ids=["column", "template"])
def test_panel_param_and_holoviews(panel: Ledger, query: str) -> None:
    with panel.server.open_tab("/elements_panel", query) as tab:
        (build,) = [each for each in panel.status()["interactions"] if each["kind"] == "build"]
        assert [(each["library"], each["element"], each["line"]) for each in build["never_used"]] == [
            ("panel", "IntSlider", line_of("elements_panel.py", "spare =")),
            ("holoviews", "Points", line_of("elements_panel.py", "points =")),
        ]  # fmt: skip
        assert build["holoviews"]["rendered"] == {"Curve": 2}

        row = panel.move(tab, "bound", 3)
        assert row["cause"] == {
            "widget": "IntSlider", "label": "bound", "property": "value", "old": 0, "new": 3,
            "file": "elements_panel.py", "line": line_of("elements_panel.py", "    return pn.widgets.IntSlider"),
        }  # fmt: skip
        assert ran(row) == {"view": 1}
        assert row["panel"]["rebuilt"] == {"Column": 1}
        assert edges(row)["view", "Column"] > 0.5 * row["bytes_sent"]
        assert {key: row["panel"]["created"][key] for key in ("Column", "Markdown", "Tabulator")} == {
            "Column": 1, "Markdown": 1, "Tabulator": 1,
        }  # fmt: skip
        assert row["models"]["reused"]["ImportedStyleSheet"] > 0
        if query:  # the template puts its indicator out half a second later, which is no part of the move
            wait_until(lambda: not spins(tab), message="the busy indicator is off")
            (row,) = panel.interactions(label="bound")
            assert parts(row)["other"] < 0.3 * row["seconds"]

        row = panel.move(tab, "depended", 4)
        assert (ran(row), row["panel"]["in_place"]) == ({"text": 1}, {"Markdown": 1})
        assert edges(row)["text", "Markdown"] > 100
        assert row["models"]["created"] == {}

        assert parts(row)["models"] > 0
        assert ran(panel.move(tab, "watched", 5)) == {"moved": 1}
        quiet = panel.status()["quiet_interactions"]
        tab.set("plotted", value_throttled=5)  # its twin is what somebody listens to
        assert panel.settled(label="plotted", property="value_throttled")["quiet"]
        wait_until(lambda: panel.status()["quiet_interactions"] > quiet)
        listed = json.loads(get(f"{panel.server.exporter_url}/api/v1/status?quiet=0").text)["interactions"]
        assert {each["quiet"] for each in listed} == {False}
        assert ran(panel.move(tab, "awaited", 6)) == {"slowly": 1}

        row = panel.move(tab, "streamed", 7)
        assert ran(row) == {"send": 1, "curve": 1, "received": 1}
        assert row["holoviews"] == {"streams": {"Pipe": 1}, "created": {"Curve": 1}, "updated": {"Curve": 1}}
        row = panel.move(tab, "plotted", 8)
        assert ran(row)["plot"] == 1
        assert row["holoviews"]["updated"] == {"Curve": 1}

        tab.set("streamed", value=13)
        row = panel.settled(2, label="streamed")
        failed = {each["name"].rpartition(":")[2]: each["errors"] for each in row["functions"]}
        assert failed == {"send": 0, "curve": 1, "received": 0}, "HoloViews catches it, and it counts"

        before, _ = panel.truth(look=looking(tab))
        tab.set("Tabs", active=1)
        row = panel.settled(widget="Tabs")
        assert (row["cause"]["property"], row["cause"]["old"], row["cause"]["new"]) == ("active", 0, 1)
        panel.compare(row, before, panel.truth(look=looking(tab))[0])
        assert row["models"]["created"]["HTML"] == 1

        data = next(each for each in tab.models if each["name"].startswith("Counter"))
        tab.patch([{"kind": "ModelChanged", "model": {"id": data["id"]}, "attr": "value", "new": 1}])
        row = panel.settled(widget="Counter")
        assert (row["cause"]["label"], row["cause"]["new"], ran(row)) == ("counter", 1, {"pressed": 1})

        assert "value_throttled" not in panel.server.log()
        status = panel.status()
        top = next(each for each in status["most_rebuilt"] if each["element"] == "Tabulator")
        assert (top["file"], top["rebuilt"], top["interactions"]) == ("elements_panel.py", 1, 1)
        assert all(status["hooks"].values()), status["hooks"]
        scraped = panel.server.scrape()
        app = {"app": "/elements_panel"}
        assert scraped.value("panel_replacements_total", component="Column", mode="rebuilt", **app) == 1
        assert scraped.value("panel_replacements_total", component="Markdown", mode="in_place", **app) == 1
        assert scraped.value("panel_components_created_total", component="Tabulator", phase="update", **app) == 1
        assert scraped.value("holoviews_elements_created_total", element="Points", phase="init", **app) == 1
        assert scraped.value("holoviews_plot_updates_total", element="Curve", mode="render", **app) == 2
        assert scraped.value("holoviews_plot_updates_total", element="Curve", mode="update", **app) == 2
        calls, errors = (scraped.by(f"bokeh_callback_{what}_total", "callback", **app) for what in ("calls", "errors"))
        mine = {"curve": 3, "plot": 2, "received": 2, "send": 2}  # those that draw, in the build, too
        assert {name: calls[f"elements_panel.py:{name}"] for name in mine} == mine
        assert {name for name, count in errors.items() if count} == {"elements_panel.py:curve"}
        assert scraped.value("panel_render_duration_seconds_count", **app) == 1
        assert scraped.total("panel_views") >= 1
        assert scraped.total("panel_components") > 20
        assert scraped.total("bokeh_exporter_errors_total") == 0


def test_a_seam_of_another_version_costs_what_is_seen_there(serve: Serve, counts: Path) -> None:
    setup = APPS / "misfit_elements.py"
    server = panel_serve("elements_panel.py", env={**ELEMENT, "COUNTS": str(counts)}, lifetime_ms=LONG_MS, setup=setup)
    panel = Ledger(serve(server), counts)
    with server.open_tab("/elements_panel") as tab:
        row = panel.move(tab, "bound", 3)
        assert (ran(row), row["models"]["created"]["Column"]) == ({"view": 1}, 1)
        assert (row["panel"]["created"]["Column"], "rebuilt" in row["panel"]) == (1, False)
        row = panel.move(tab, "streamed", 7)
        assert (ran(row), row["holoviews"]["updated"]) == ({"send": 1}, {"Curve": 1})
        missing = {hook for hook, fits in panel.status()["hooks"].items() if not fits}
    assert missing == {
        "panel.ReplacementPane._update_inner", "holoviews.Callable.__call__", "holoviews.Stream.add_subscriber",
    }  # fmt: skip
    assert server.scrape().total("bokeh_exporter_errors_total") == 0


def test_a_browser_moves_a_slider(panel: Ledger) -> None:
    browser_path = shutil.which("chromium")
    assert browser_path, "there is no chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        try:
            page = browser.new_page()
            page.goto(f"{panel.server.url}/elements_panel", timeout=60_000)
            page.wait_for_function(
                "window.Bokeh && Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle", timeout=60_000
            )
            look = page.get_by_text("look", exact=True).click
            before, _ = panel.truth(look=look)
            page.locator(".noUi-handle").first.press("ArrowRight")
            row = panel.settled(label="bound", property="value")
            assert (row["cause"]["old"], row["cause"]["new"], ran(row)) == (0, 1, {"view": 1})
            panel.compare(row, before, panel.truth(look=look)[0])
        finally:
            browser.close()


def test_no_secret_is_told(bokeh: Ledger) -> None:
    markers = {name: f"marker-{name}-7f3a" for name in ("query", "header", "cookie", "key", "text", "password")}
    headers = {"X-Secret": markers["header"], "Cookie": f"session={markers['cookie']}"}
    with bokeh.server.open_tab("/elements_bokeh", f"name=a&q={markers['query']}", headers=headers) as tab:
        tab.set("open", value=markers["text"])
        tab.set("secret", value=markers["password"])
        data = {"type": "map", "entries": [[markers["key"], [1]]]}
        tab.set("source", data=data)
        rows = [bokeh.settled(label=label)["cause"] for label in ("open", "secret", "source")]
        assert [row["new"] for row in rows] == [f"<str, {len(markers['text'])} chars>", "<hidden>", "<dict, 1 items>"]
        bokeh.server.wait_log(r"ColumnDataSource 'source'")
        exporter = bokeh.server.exporter_url
        number = bokeh.settled(label="source")["number"]
        paths = "/metrics", "/api/v1/status", f"/api/v1/interactions/{number}/trace"
        told = [*(get(f"{exporter}{path}").text for path in paths), events(exporter, number), bokeh.server.log()]
        for secret in (*markers.values(), tab.token, get_session_id(tab.token)):
            assert not [secret for text in told if secret in text]


def test_values_are_shown_to_who_asks_for_them_and_lines_are_json(serve: Serve, counts: Path) -> None:
    shows = {"BOKEH_EXPORTER_SHOW_VALUES": "1", "BOKEH_EXPORTER_SHOW_QUIET": "1"}
    env = {"COUNTS": str(counts), "BOKEH_EXPORTER_ELEMENTS_LOG": "json", **shows}
    server = serve(bokeh_serve("elements_bokeh.py", env={**ELEMENT, **env}, lifetime_ms=LONG_MS))
    with server.open_tab("/elements_bokeh") as tab:
        tab.set("open", value="two\nlines")
        tab.set("secret", value="swordfish")
        line = server.wait_log(r"\{.*\"label\": \"secret\".*\}")[0]
        assert json.loads(line)["cause"]["new"] == "<hidden>"
        line = server.wait_log(r"\{.*\"label\": \"open\".*\}")[0]
        assert json.loads(line)["cause"]["new"] == "two\\nlines"
        assert "swordfish" not in server.log()


def test_below_element_nothing_is_recorded(serve: Serve, counts: Path) -> None:
    server = serve(bokeh_serve("elements_bokeh.py", env={"COUNTS": str(counts)}, lifetime_ms=LONG_MS))
    with server.open_tab("/elements_bokeh") as tab:
        tab.set("n", value=1)
        hooks = Ledger(server, counts).status()["hooks"]
    assert "patch_doc.apply_to_document" not in hooks
    assert " Slider 'n' " not in server.log()
