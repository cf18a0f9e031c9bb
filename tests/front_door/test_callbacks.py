"""Callbacks over real servers: what is counted by label and kind is what the apps counted themselves."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ..leaks.cases import BOKEH_310
from ..support.scrapes import Scrape
from ..support.servers import ServerProcess, bokeh_serve, panel_serve
from ..support.tabs import ServerError, Tab
from ..support.versions import PANEL_VERSION
from ..support.waiting import wait_until
from ..support.web import get
from .test_sessions import LONG_MS, Serve, until

pytestmark = pytest.mark.front_door

Counts = dict[str, dict[str, int]]


class Counted:
    """The file in which an app counts, and the scrape that must say the same."""

    def __init__(self, directory: Path, app: str) -> None:
        self.path = directory / "counts.json"
        self.app = app
        self.env = {"COUNTS": str(self.path)}

    def read(self) -> Counts:
        found: Counts = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}
        return found

    def wait(self, table: str, **numbers: int) -> None:
        """Wait until the app has counted this."""

        def counted() -> bool:
            row = self.read().get(table, {})
            return all(row.get(f"{self.app[1:]}.py:{key}", row.get(key)) == number for key, number in numbers.items())

        wait_until(counted, message=f"{numbers} in {table} of {self.path}")

    def agrees(self, server: ServerProcess, *, kinds: bool = True) -> Scrape:
        """Wait until calls, errors and kinds are what the app counted; return that scrape."""
        # Read again each time: the body of a generator counts when it is iterated, after the call of it.
        with contextlib.suppress(AssertionError):  # what differs is told below
            until(
                server, lambda s: self.of(s, "calls_total") == self.read()["calls"], "the calls that the app counted", 5
            )
        counts = self.read()
        calls = counts["calls"]
        scraped = server.scrape()
        assert self.of(scraped, "calls_total") == calls
        errors = self.of(scraped, "errors_total")
        assert errors.keys() == calls.keys()  # at zero before the first
        expected = dict(counts.get("errors", {}))
        if PANEL_VERSION is not None and PANEL_VERSION < (1, 5):  # swallows what a periodic callback raises, unseen
            expected.pop("callbacks_panel.py:tick_fails", None)
        assert {label: number for label, number in errors.items() if number} == expected
        busy = self.of(scraped, "busy_seconds_total")
        assert busy.keys() == calls.keys()
        assert min(busy.values()) >= 0
        if kinds:
            by_kind = scraped.by("bokeh_callback_duration_seconds_count", "kind", app=self.app)
            assert {kind: number for kind, number in by_kind.items() if number} == counts["kinds"]
        assert scraped.total("bokeh_exporter_errors_total") == 0
        hooks = scraped.by("bokeh_exporter_hook_enabled", "hook")
        assert all(hooks.values()), hooks
        return scraped

    def of(self, scraped: Scrape, name: str) -> dict[str, float]:
        return scraped.by(f"bokeh_callback_{name}", "callback", app=self.app)


@pytest.fixture
def bokeh(tmp_path: Path) -> Counted:
    return Counted(tmp_path, "/callbacks_bokeh")


@pytest.fixture
def panel(tmp_path: Path) -> Counted:
    return Counted(tmp_path, "/callbacks_panel")


def labels(file: str, *names: str) -> dict[str, int]:
    return dict.fromkeys((f"{file}:{name}" for name in names), 1)


def test_labels_kinds_and_errors_of_a_bokeh_app(serve: Serve, bokeh: Counted) -> None:
    server = serve(bokeh_serve("callbacks_bokeh.py", env=bokeh.env, lifetime_ms=LONG_MS))
    with server.open_tab(bokeh.app) as tab:
        assert bokeh.read()["calls"] == labels("callbacks_bokeh.py", "ready")
        bokeh.agrees(server)

        for value in range(1, 4):
            tab.set("n", value=value)
        assert tab.value("out", "text") == "n = 3"
        tab.click("go")
        for callback in "fail", "bad":
            with pytest.raises(ServerError, match="raises"):
                tab.click("fail") if callback == "fail" else tab.set("bad", value=1)
        tab.click("timers")
        bokeh.wait("calls", tick=3, tick_async=2, tick_fails=1, later=1, later_async=1, later_fails=1)
        bokeh.wait("calls", soon=1, soon_partially=1, soon_async=1, soon_fails=1)
        bokeh.wait("errors", fails=1, broken=1, tick_fails=1, later_fails=1, soon_fails=1)
        bokeh.agrees(server)
    bokeh.wait("calls", lost=1)
    scraped = bokeh.agrees(server)
    expected = labels("callbacks_module", "imported", "Imported.method") | labels(
        "callbacks_bokeh.py", "ready", "lost", "moved", "moved_too", "broken", "pressed", "pressed_event",
        "pressed_partially", "nested.inner", "decorated", "Presses.method", "Presses.of_class", "Presses.static",
        "Presses.__call__", "<lambda>", "fails", "timers", "tick", "tick_async", "tick_fails", "later", "later_async",
        "later_fails", "soon", "soon_partially", "soon_async", "soon_fails",
    )  # fmt: skip
    assert bokeh.of(scraped, "calls_total").keys() == expected.keys()
    assert scraped.total("bokeh_callback_calls_total") == sum(bokeh.read()["calls"].values())
    assert server.log().count("ValueError: callbacks_bokeh.py:later_fails raises") == 1  # by the host, as ever


def test_removing_and_holding_work_as_before(serve: Serve, bokeh: Counted) -> None:
    server = serve(bokeh_serve("callbacks_bokeh.py", env=bokeh.env, lifetime_ms=LONG_MS))
    with server.open_tab(bokeh.app) as tab:
        tab.click("hold")
        assert bokeh.read()["held"] == {"collect": 1, "0 to 1": 1, "1 to 2": 1, "combine": 1, "3 to 4": 1}
        tab.set("n", value=1)
        tab.click("remove")
        tab.set("n", value=2)
        scraped = bokeh.agrees(server)
        assert bokeh.read()["calls"]["callbacks_bokeh.py:moved"] == 1
        assert bokeh.read()["calls"]["callbacks_bokeh.py:moved_too"] == 2
        assert scraped.by("bokeh_document_events_total", "event", app=bokeh.app) == bokeh.read()["events"]


def test_callbacks_without_the_document_lock_run_while_another_holds_it(serve: Serve, bokeh: Counted) -> None:
    server = serve(bokeh_serve("callbacks_bokeh.py", env=bokeh.env, lifetime_ms=LONG_MS))
    with server.open_tab(bokeh.app) as tab:
        tab.click("unlock")
        bokeh.wait("calls", holder=1, opener=1, proxied=1)
        bokeh.wait("unlocked", **{"held until opened": 1, "UnlockedDocumentProxy": 1})
        bokeh.agrees(server)


def test_models_created_by_phase_and_document_events(serve: Serve, bokeh: Counted) -> None:
    server = serve(bokeh_serve("callbacks_bokeh.py", env=bokeh.env, lifetime_ms=LONG_MS))
    tabs = [server.open_tab(bokeh.app) for _ in range(2)]
    for _ in range(3):
        tabs[0].click("build")
    bokeh.wait("models", **{"Div update": 15, "Slider init": 6})
    scraped = bokeh.agrees(server)
    created = {
        f"{labels['model']} {labels['phase']}": value
        for sample, value in scraped.values("bokeh_models_created_total").items()
        if (labels := dict(sample))["model"] in ("Div", "Slider")
    }
    assert {key: value for key, value in created.items() if value} == bokeh.read()["models"]
    assert scraped.by("bokeh_document_events_total", "event", app=bokeh.app) == bokeh.read()["events"]
    for tab in tabs:
        tab.close()


def test_registered_callbacks_of_live_sessions(serve: Serve, bokeh: Counted) -> None:
    server = serve(bokeh_serve("callbacks_bokeh.py", env=bokeh.env))

    def registered(expected: dict[str, int]) -> None:
        def met(scraped: Scrape) -> bool:
            found = scraped.by("bokeh_session_callbacks", "kind", app=bokeh.app)
            return {kind: number for kind, number in found.items() if number} == expected

        until(server, met, f"{expected} registered")

    registered({})
    tabs = [server.open_tab(bokeh.app) for _ in range(2)]
    for tab in tabs:
        tab.click("register")
    registered({"periodic": 4, "timeout": 2})
    tabs[0].click("unregister")
    registered({"periodic": 3, "timeout": 1})
    tabs[1].close()
    registered({"periodic": 1})
    tabs[0].close()
    registered({})


def shows(tab: Tab, value: int) -> Callable[[], bool]:
    return lambda: bool(tab.value("out", "value") == f"n = {value}")


def test_labels_and_errors_of_a_panel_app(serve: Serve, panel: Counted) -> None:
    server = serve(panel_serve("callbacks_panel.py", env=panel.env, lifetime_ms=LONG_MS))
    with server.open_tab(panel.app) as tab:
        panel.wait("calls", loaded=1, loaded_async=1, loaded_fails=1, view_async=1)
        built = panel.agrees(server, kinds=False)
        assert built.value("bokeh_callback_duration_seconds_count", app=panel.app, kind="onload") == 3

        for value in range(1, 4):
            tab.set("n", value=value)
            panel.wait(
                "calls", watched=value, watched_async=value, depending_watching_async=value, view_async=value + 1
            )
            wait_until(shows(tab, value))
        tab.click("go")
        panel.wait("calls", pressed=1, pressed_async=1, partially=1)
        for name in "fail", "fail_async", "timers", "unwatch", "locked":
            tab.click(name)
        for name in "bad", "bound_bad":
            tab.set(name, value=1)
        tab.set("n", value=4)
        panel.wait("calls", tick=3, tick_async=2, tick_fails=1, bound_watching=4, view_async=5, after_locked=1)
        panel.wait("errors", fails=1, fails_async=1, watched_fails=1, view_fails=1, tick_fails=1, loaded_fails=1)
        panel.wait("locked", end=1, waited=1)
        # Panel hands the app's exception handler what it catches itself, as without the exporter.
        outside = {"callbacks_panel.py:tick_fails"}
        assert panel.read()["handled"].keys() - outside == panel.read()["errors"].keys() - outside
        scraped = panel.agrees(server, kinds=False)
        by_kind = scraped.by("bokeh_callback_duration_seconds_count", "kind", app=panel.app)
        assert by_kind["onload"] == 3
        assert by_kind["periodic"] >= 6
        assert panel.read()["calls"]["callbacks_panel.py:watched"] == 3


def test_what_panel_calls_itself(serve: Serve, tmp_path: Path) -> None:
    panel = Counted(tmp_path, "/called_panel")
    # On a busy machine a page is open for longer than the tests' usual lifetime before its websocket comes.
    env = {**panel.env, "BOKEH_EXPORTER_COLLECT": "element"}
    server = serve(panel_serve("called_panel.py", env=env, lifetime_ms=4000))
    with server.open_tab(panel.app) as tab:
        tab.click("go")
        panel.wait("calls", pressed=1, tick=2, executed=1, answered=1, **{"callbacks_module:scheduled": 1})
        assert panel.read()["periodic"] == {"is the registered": 1}
        with pytest.raises(ServerError, match="clicked_fails raises"):
            tab.event("cell-click", "DataTabulator", column="a", row=1)
        panel.wait("calls", clicked=1, clicked_fails=1)

        def busy(name: str) -> Callable[[Scrape], bool]:
            # Both steps of each iteration burn 50 ms, more on a busy machine, and wait 300 ms beside that.
            label, least = f"called_panel.py:{name}", 0.1 * panel.read()["calls"][f"called_panel.py:{name}"]
            return lambda s: least <= s.total("bokeh_callback_busy_seconds_total", callback=label) < 5 * least

        for name in "generates", "generates_async":
            until(server, busy(name), f"the steps of {name} are its busy time")
            status = json.loads(get(f"{server.exporter_url}/api/v1/status").text)
            rows = [each for one in status["interactions"] for each in one["functions"]]
            took = sum(each["busy_seconds"] for each in rows if each["name"] == f"called_panel.py:{name}")
            assert took >= 0.1, f"the steps of {name} are in the interactions that took them"
        scheduled = "callbacks_module:scheduled"  # by the interaction, as no document is the current one then
        assert server.scrape().value("bokeh_callback_calls_total", callback=scheduled, app=panel.app) == 1
    # A session with a chat behind it stays blocked on Panel 1.10, also without us.
    with server.open_tab(panel.app):
        panel.wait("calls", generates=2, generates_async=2)
        for name in "generates", "generates_async":
            until(server, busy(name), f"the steps of {name} are over: they need the script's names")

    def agree(scraped: Scrape) -> bool:
        calls = panel.read()["calls"]
        return "called_panel.py:gone" in calls and calls == {
            label: scraped.total("bokeh_callback_calls_total", callback=label) for label in calls
        }

    done = until(server, agree, "the calls that the app counted, of the destroyed hook, too")
    errors = {label: n for label, n in done.by("bokeh_callback_errors_total", "callback", app=panel.app).items() if n}
    assert errors == panel.read()["errors"] == {"called_panel.py:clicked_fails": 1}
    assert done.total("bokeh_exporter_errors_total") == 0


def count_over(scraped: Scrape, name: str, seconds: str, **labels: str) -> float:
    return scraped.total(f"{name}_count", **labels) - scraped.total(f"{name}_bucket", le=seconds, **labels)


@pytest.mark.parametrize("build", [bokeh_serve, panel_serve])
def test_busy_time_duration_and_the_wait_for_the_lock(
    serve: Serve, build: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    app = "/timed_bokeh" if build is bokeh_serve else "/timed_panel"
    counted = Counted(tmp_path, app)
    server = serve(build(f"{app[1:]}.py", env=counted.env, lifetime_ms=LONG_MS))
    lock = "bokeh_document_lock_wait_seconds"
    duration = "bokeh_callback_duration_seconds"

    def after(scraped: Scrape, name: str, calls: int) -> Scrape:
        counted.wait("calls", **{name: calls})
        label = f"{app[1:]}.py:{name}"
        return until(server, lambda s: s.value("bokeh_callback_calls_total", callback=label) == calls, f"{label} ended")

    with server.open_tab(app) as tab:
        before = server.scrape()
        tab.click("wait")
        waited = after(before, "waits", 1)
        busy = waited.value("bokeh_callback_busy_seconds_total", callback=f"{app[1:]}.py:waits")
        assert busy is not None
        assert 0 < busy < 0.25
        # Panel has next ticks of its own, and on a busy machine they take as long.
        assert count_over(waited, duration, "0.25", kind="next_tick") > count_over(
            before, duration, "0.25", kind="next_tick"
        )
        assert waited.total(f"{duration}_sum", kind="next_tick") >= 0.5

        tab.click("compute")
        computed = after(waited, "computes", 1)
        busy = computed.value("bokeh_callback_busy_seconds_total", callback=f"{app[1:]}.py:computes")
        assert busy is not None
        assert busy >= 0.3
        assert computed.total(f"{duration}_sum") >= waited.total(f"{duration}_sum") + 0.3

        # Two callbacks that hold the lock while they wait: the second one waits for the first one.
        tab.click("compete")
        competed = after(computed, "waits_too", 1)
        assert count_over(competed, lock, "0.25", app=app) > count_over(computed, lock, "0.25", app=app)
        assert competed.total(f"{lock}_sum") >= computed.total(f"{lock}_sum") + 0.45
        assert competed.total("bokeh_exporter_errors_total") == 0


def test_what_callbacks_are_given_and_what_comes_out_is_as_without_us(serve: Serve) -> None:
    def said(run: bool) -> list[str]:
        server = serve(bokeh_serve("transparent_bokeh.py", run=run, lifetime_ms=LONG_MS))
        with server.open_tab("/transparent_bokeh") as tab:
            for value in 3, 3, 5:
                try:
                    tab.set("n", value=value)
                except ServerError as error:
                    answers.append(str(error).splitlines()[0])
            tab.click("go")
            tab.click("later")
            wait_until(lambda: tab.value("out", "text") == "asynchronous")
        return re.findall("^app: .*$", server.log(), re.MULTILINE)

    answers: list[str] = []
    with_exporter, without = said(True), said(False)
    assert with_exporter == without
    assert len(without) == 16
    assert len(answers) == 2
    assert answers[0] == answers[1]


@pytest.mark.skipif(not BOKEH_310, reason="locked_callback came with Bokeh 3.10")
def test_a_locked_callback_has_the_label_of_the_users_function(serve: Serve, tmp_path: Path) -> None:
    app = tmp_path / "locked.py"
    app.write_text(
        "from bokeh.io import curdoc\nfrom bokeh.models import Div\n"
        "def sync_tick(): pass\nasync def slow_tick(): pass\n"
        "document = curdoc()\ndocument.add_root(Div(text='ready'))\n"
        "locked = [document.locked_callback(each) for each in (sync_tick, slow_tick)]\n"
        "for each in locked: each()\n"
    )
    server = serve(bokeh_serve(app))
    tab = server.open_tab("/locked")
    labels = {"locked.py:sync_tick", "locked.py:slow_tick"}
    wait_until(lambda: labels <= set(server.scrape().by("bokeh_callback_busy_seconds_total", "callback")), 20)
    tab.close()
