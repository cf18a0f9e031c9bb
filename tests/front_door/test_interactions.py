"""The interaction: one number through everything that one event sets in motion, and never another's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ..support.servers import panel_serve, python_script
from ..support.tabs import Tab
from ..support.waiting import wait_until
from .test_sessions import LONG_MS, Serve, until

pytestmark = pytest.mark.front_door

#: How many gates a crossing callback waits at.
STEPS = 3


class Noted:
    """The file in which an app notes the numbers that it sees."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "counts.json"
        self.env = {"COUNTS": str(self.path)}

    def read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}
        return found

    def seen(self, name: str) -> dict[str, list[int]]:
        """Return the numbers by place that the session of this name saw."""
        places = self.read().get("seen", {})
        return {place.partition(".")[2]: numbers for place, numbers in places.items() if place.startswith(f"{name}.")}

    def wait(self, name: str, place: str, count: int) -> dict[str, list[int]]:
        """Wait until a session was so often at a place."""
        wait_until(
            lambda: len(self.seen(name).get(place, ())) >= count, message=f"{name} {count} times at {place}"
        )  # fmt: skip
        return self.seen(name)

    def records(self, tab: Tab) -> dict[int, dict[str, Any]]:
        """Let the app report its records, by number."""
        tab.click("report")
        return {record["number"]: record for record in wait_until(lambda: self.read().get("records"))}


@pytest.fixture
def noted(tmp_path: Path) -> Noted:
    return Noted(tmp_path)


def test_one_number_from_the_event_to_the_last_task(serve: Serve, noted: Noted) -> None:
    server = serve(python_script("interactions_bokeh.py", env=noted.env))
    with server.open_tab("/first", "name=a") as tab:
        received = tab.received_bytes
        for count in 1, 2:
            tab.set("n", value=count)
            noted.wait("a", "timeout", count)
            noted.wait("a", "task, later", count)
        received = tab.received_bytes - received
        seen = noted.seen("a")
        first, second = seen["event"]
        assert 0 < first != second > 0
        build = seen.pop("build")
        places = ["event", "property", "next tick", "after an await", "thread", "context", "task", "task, later"]
        assert seen == {place: [first, second] for place in [*places, "timeout"]}
        assert set(build).isdisjoint({0, first, second})

        records = noted.records(tab)
        assert records[build[0]]["phase"] == "init"
        assert records[build[0]]["kind"] == "build"
        assert records[build[0]]["seconds"] > 0
        written = noted.read()
        for number in first, second:
            record = records[number]
            assert (record["app"], record["kind"], record["phase"]) == ("/first", "property", "update")
            assert record["messages"] == 1
            assert record["errors"] == 0
            assert record["callbacks"] == written["callbacks"][str(number)] == 4
            assert record["models"] == written["built"][str(number)] == 3
            assert record["patches"] == written["patches"][str(number)]
            assert 0 < record["seconds"] < 10
        sent = [records[number]["bytes_sent"] for number in (first, second)]
        assert sent[0] > 1000 > sent[1] > 0  # the text is the same the second time
        assert sum(sent) < received  # the replies to the patches are not booked
        scraped = server.scrape()
        created = scraped.value("bokeh_models_created_total", app="/first", model="Div", phase="update")
        assert created == sum(written["built"].values()) == 6


def test_sessions_that_interleave_do_not_mix(serve: Serve, noted: Noted) -> None:
    server = serve(python_script("interactions_bokeh.py", env=noted.env))
    a, b = server.open_tab("/first", "name=a"), server.open_tab("/second", "name=b")
    with server.open_tab("/first", "name=control") as control:
        cross(noted, control, a, b)
        numbers = {name: set(noted.seen(name)["cross"]) for name in "ab"}
        assert [len(each) for each in numbers.values()] == [1, 1]
        assert numbers["a"] != numbers["b"]
        records = noted.records(control)
        assert [records[min(numbers[name])]["app"] for name in "ab"] == ["/first", "/second"]
        assert [records[min(numbers[name])]["models"] for name in "ab"] == [STEPS, STEPS]
    scraped = server.scrape()
    for app in "/first", "/second":
        created = scraped.value("bokeh_models_created_total", app=app, model="Div", phase="update")
        assert created == STEPS
    for tab in a, b:
        tab.close()


def test_what_an_async_callback_does_late_is_booked_however_many_messages_came_meanwhile(
    serve: Serve, noted: Noted
) -> None:
    server = serve(python_script("interactions_bokeh.py", env=noted.env))
    with server.open_tab("/first", "name=a") as a, server.open_tab("/second", "name=control") as control:
        a.click("cross")
        (number,) = set(noted.wait("a", "cross", 2)["cross"])
        for message in range(600):
            control.set("open", value=f"another {message}", wait=False)
        for step in range(STEPS - 1):
            control.set("open", value=f"a{step}")
            noted.wait("a", "cross", 3 + step)
        records = noted.records(control)
        assert records[number]["models"] == STEPS
        assert len(records) == 257
        control.set("open", value=f"a{STEPS - 1}")
        noted.wait("a", "cross", 2 + STEPS)
        wait_until(lambda: number not in noted.records(control), message="the record of what has ended goes")


def cross(noted: Noted, control: Tab, a: Tab, b: Tab, begun: int = 2) -> None:
    """Let callbacks of two sessions wait at their gates, and open these in crossed order."""
    for tab, name in (a, "a"), (b, "b"):
        tab.click("cross")
        noted.wait(name, "cross", begun)
    for gate in "b0", "a0", "a1", "b1", "b2", "a2":
        control.set("open", value=gate)
        noted.wait(gate[0], "cross", begun + 1 + int(gate[1]))


def test_timers_have_numbers_of_their_own(serve: Serve, noted: Noted) -> None:
    server = serve(python_script("interactions_bokeh.py", env=noted.env))
    with server.open_tab("/first", "name=timers") as tab:
        noted.wait("timers", "tick", 3)
        seen = noted.wait("timers", "timeout", 1)
        numbers = [*seen["build"], *seen["tick"], *seen["timeout"]]
        assert 0 not in numbers
        assert len(set(numbers)) == 5
        records = noted.records(tab)
        assert [records[number]["kind"] for number in numbers] == ["build", *["periodic"] * 3, "timeout"]
        assert [records[number]["phase"] for number in numbers] == ["init", *["update"] * 4]
        assert [records[number]["callbacks"] for number in numbers] == [0, 1, 1, 1, 1]


@pytest.mark.parametrize("threads", [(), ("--num-threads", "2")], ids=["loop", "threads"])
def test_one_number_through_param_and_panel(serve: Serve, noted: Noted, threads: tuple[str, ...]) -> None:
    server = serve(panel_serve("interactions_panel.py", *threads, env=noted.env, lifetime_ms=LONG_MS))
    places = ["watch", "depends", "depends, async", "watch, async", "thread", "task", "bind", "next tick", "execute"]
    places += ["pool"] if threads else []
    with server.open_tab("/interactions_panel", "name=a") as tab:
        noted.wait("a", "onload", 1)
        for count in 1, 2:
            tab.set("n", value=count)
            for place in places:
                noted.wait("a", place, count)
        seen = noted.seen("a")
        first, second = seen["watch"]
        build, onload = seen.pop("build"), seen.pop("onload")
        assert 0 < first != second > 0
        assert seen == {place: [first, second] for place in places}
        assert len({*build, *onload, first, second}) == 4

        records = noted.records(tab)
        written = noted.read()
        assert [(records[number]["kind"], records[number]["phase"]) for number in (*build, *onload, first)] == [
            ("build", "init"), ("onload", "update"), ("property", "update"),
        ]  # fmt: skip
        for number in first, second:
            record = records[number]
            assert record["app"] == "/interactions_panel"
            assert record["messages"] == 1
            assert record["callbacks"] >= 6
            assert record["models"] >= written["built"][str(number)] == (3 if threads else 2)
            assert record["patches"] > 0
            assert record["bytes_sent"] > 0
            assert record["seconds"] > 0
        scraped = server.scrape()
        created = scraped.by("bokeh_models_created_total", "phase", app="/interactions_panel", model="Range1d")
        assert created == {"update": sum(written["built"].values())}
        assert scraped.total("bokeh_exporter_errors_total") == 0


def test_panel_sessions_that_interleave_do_not_mix(serve: Serve, noted: Noted) -> None:
    server = serve(panel_serve("interactions_panel.py", env=noted.env, lifetime_ms=LONG_MS))
    a, b, control = (server.open_tab("/interactions_panel", f"name={name}") for name in ("a", "b", "control"))
    cross(noted, control, a, b, begun=1)
    numbers = {name: set(noted.seen(name)["cross"]) for name in "ab"}
    assert [len(each) for each in numbers.values()] == [1, 1]
    assert numbers["a"] != numbers["b"]
    records = noted.records(control)
    assert [records[min(numbers[name])]["models"] for name in "ab"] == [STEPS, STEPS]
    assert noted.read()["built"] == {str(min(numbers[name])): STEPS for name in "ab"}
    for tab in a, b, control:
        tab.close()


@pytest.mark.parametrize("threads", [(), ("--num-threads", "2")], ids=["loop", "threads"])
def test_panels_timers_have_numbers_of_their_own(serve: Serve, noted: Noted, threads: tuple[str, ...]) -> None:
    server = serve(panel_serve("interactions_panel.py", *threads, env=noted.env, lifetime_ms=LONG_MS))
    with server.open_tab("/interactions_panel", "name=timers") as tab:
        seen = noted.wait("timers", "tick", 3)
        numbers = [*seen["build"], *seen["onload"], *seen["tick"]]
        assert len(numbers) == len(set(numbers) - {0}) == 5
        records = noted.records(tab)
        assert [records[number]["kind"] for number in numbers] == ["build", "onload", *["periodic"] * 3]

        def sent() -> list[tuple[int, int]]:
            records = noted.records(tab)
            return [(records[each]["patches"], records[each]["bytes_sent"] // 1000) for each in numbers[1:]]

        # What a timer has changed is sent under the lock after it, and not in the name of who started it.
        if not threads:
            wait_until(lambda: sent() == [(0, 0), (1, 1), (1, 2), (1, 3)], message="bytes of three ticks")


def test_a_task_that_never_ends_keeps_nothing(serve: Serve, noted: Noted) -> None:
    server = serve(python_script("endless_bokeh.py", env=noted.env))

    def destroyed(count: int) -> None:
        until(server, lambda s: s.total("bokeh_session_destroy_duration_seconds_count") == count, f"{count} destroyed")

    def interact(tab: Tab, count: int) -> None:
        for value in range(1, count):
            tab.set("n", value=value, wait=False)
        tab.set("n", value=count)

    def report(tab: Tab) -> dict[str, Any]:
        server.scrape()  # what is queued is applied
        tab.click("report")
        told: dict[str, Any] = noted.read()["report"]
        return told

    with server.open_tab("/app") as control:
        tab = server.open_tab("/app")
        tab.click("start")
        interact(tab, 1000)
        assert tab.value("out", "text") == "n = 1000"
        tab.close()
        destroyed(1)
        server.open_tab("/app").close()  # a clean app keeps the last Document until the next one goes
        destroyed(2)
        first = report(control)
        assert first["tasks"] == [True]
        assert first["documents"][:2] == [True, False]
        assert first["records"] == 256

        interact(control, 1000)
        second = report(control)
        assert second["records"] == 256
        assert second["tasks"] == [True]
        assert second["ours"] - first["ours"] < 50
        assert second["objects"] - first["objects"] < 500
