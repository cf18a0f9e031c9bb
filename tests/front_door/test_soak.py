"""Soak: real servers that are visited, judged and compared with a truth that is measured in them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bokeh_exporter.soak import Plan, UsageError, run, soak
from bokeh_exporter.soak.visits import Visits

from ..conftest import Serve
from ..leaks import cases
from ..support import APPS, bokeh_serve
from ..support.servers import environment

LEAKS = Path(cases.__file__).parent
#: One of each verdict that a minute can show, the fastest of its kind. `make soak-all` has the others. What a soak
#: makes of its numbers is the same on each line; that it gets them from other versions, one case shows.
AGAIN = "53_figures_in_list.py"
FEW = ("40_clean_bokeh.py", AGAIN, "55_hung_destroy_hook.py", "70_labels_per_click.py", "83_plain_lists.py")


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter waits than a user's: what is waited for is the same."""
    monkeypatch.setenv("BOKEH_EXPORTER_GRACE", "3")
    monkeypatch.setattr(run, "HELD", 5.0)


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bokeh_exporter", "soak", *map(str, arguments)],
        env=environment({}), capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip


@pytest.mark.long
@pytest.mark.usefixtures("brisk")
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.file, marks=() if case.file == AGAIN else pytest.mark.once)
        for case in cases.cases() if case.file in FEW
    ],
)  # fmt: skip
def test_each_kind_gets_its_verdict_and_the_counts_are_the_truth(case: cases.Case) -> None:
    report, truth, wrong = cases.check(case, sessions=12)
    assert wrong == [], f"{report.text()}\ntruth: {truth.counts()}"
    assert report.content["sessions"] == 12
    assert report.healthy == (case.verdict == "healthy")
    assert report.content["undecided"] is False
    text = report.text()
    assert "2 warm-up visits before them are left out" in text
    if case.verdict == "retained_sessions":  # one count, with one meaning
        assert f"of 12 destroyed sessions of /{case.file.removesuffix('.py')}, " in text
    if report.healthy:  # twelve visits are enough to be sure, and it says of what
        assert 0 < report.content["excluded"][0]["bound"] < 100_000
        assert "no leak above" in report.content["advice"]


@pytest.mark.long
@pytest.mark.once
@pytest.mark.usefixtures("brisk")
def test_an_app_that_blocks_the_loop_is_left_soon_and_its_callback_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOKEH_EXPORTER_STALL_AFTER", "0.5")
    monkeypatch.setenv("ASKING", "1.5")
    report = soak(Plan.of(LEAKS / "98_sleeps_on_click.py", sessions=12, interact=True))
    assert report.content["verdict"] == "event_loop_stalled", report.text()
    assert "98_sleeps_on_click.py:main.ask_backend has been running for" in report.content["evidence"][0]
    # What is known is enough: nobody waits for a hundred such clicks.
    assert report.content["sessions"] < 12


@pytest.mark.long
@pytest.mark.once
@pytest.mark.usefixtures("brisk")
def test_what_was_started_runs_before_it_is_stopped_and_hidden_buttons_are_not_pressed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BOKEH_EXPORTER_STALL_AFTER", "0.5")
    report = soak(Plan.of(APPS / "play_pause_bokeh.py", sessions=4, interact=True))
    # A Pause some ms after each Play would stop it every time.
    assert report.content["verdict"] == "event_loop_stalled", report.text()
    assert "play_pause_bokeh.py:follow" in report.content["evidence"][0]
    assert set(report.content["used"]) == {"Button 'Play'", "Button 'Pause'"}
    assert report.content["not_used"] == {"Button 'Clear'": "not visible"}


@pytest.mark.long
@pytest.mark.once
@pytest.mark.usefixtures("brisk")
@pytest.mark.parametrize(("query", "verdict"), [("", "session_growth"), ("bounded=1", "healthy")])
def test_a_stream_that_never_rolls_over_is_growth_of_the_session(query: str, verdict: str) -> None:
    report = soak(Plan.of(APPS / "streaming_bokeh.py", sessions=10, query=query))
    assert report.content["verdict"] == verdict, report.text()
    if not query:
        assert "the columns x, y is streamed to with a rollover that rises" in report.content["evidence"][0]


def test_a_stall_is_the_apps_only_if_it_is_named() -> None:
    plan = Plan.of(LEAKS / "98_sleeps_on_click.py", server_args=["--prefix", "x"])
    for words, named in (
        ("; /98_sleeps_on_click: other.py:f has been running for 5 s", True),
        ("; 98_sleeps_on_click.py:<module> is running", True),
        ("; sitecustomize.py:probe runs", False), ("", False),
    ):  # fmt: skip
        assert plan.names_app(f"the event loop has not ticked for 5 s{words}") == named


@pytest.mark.once
def test_an_app_that_fails_ends_it_with_its_error(tmp_path: Path) -> None:
    done = command(APPS / "raising_bokeh.py", "--json")
    assert done.returncode == 2, done.stderr
    # Nothing else is on standard output, and the error is the app's own.
    assert "raising_bokeh.py" in json.loads(done.stdout)["error"] or "Error" in json.loads(done.stdout)["error"]


@pytest.mark.once
def test_a_soak_that_is_ended_takes_its_server_along() -> None:
    command = [sys.executable, "-m", "bokeh_exporter", "soak", str(LEAKS / "40_clean_bokeh.py")]
    with subprocess.Popen(command, env=environment({}), stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        while "warming up" not in running.stderr.readline():
            assert running.poll() is None
        servers = psutil.Process(running.pid).children()
        assert len(servers) == 1
        running.terminate()
        assert running.wait(20) == 143
    assert psutil.wait_procs(servers, timeout=10)[1] == []


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.py"], "nowhere.py: there is no such file or directory"),
        ([__file__, "--host", "flask"], "must be one of panel, bokeh"),
        ([__file__, "--sessions", "0"], "--sessions 0"),
        ([__file__, "--query", "x={name}"], "only {i}"),
        ([__file__, "--", "--num-procs", "2"], "--num-procs 2"),
    ],
)
def test_wrong_usage_ends_with_64_and_one_line(arguments: list[str], words: str) -> None:
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (64, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_host_is_told_by_the_imports(tmp_path: Path) -> None:
    for name, source, host in (
        ("a.py", "import panel as pn", "panel"),
        ("b.py", "def f():\n    from panel.widgets import Button", "panel"),
        ("c.py", "'''not import panel'''\nimport bokeh", "bokeh"),
        ("d/main.py", "import panel", "panel"),
    ):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(source)
        assert Plan.of(file.parent if file.name == "main.py" else file).host == host
    with pytest.raises(UsageError):
        Plan.of(tmp_path / "e.py")


def test_what_the_user_says_to_the_server_wins() -> None:
    server = Plan.of(
        __file__, server_args=["--unused-session-lifetime=9000", "--prefix", "/x/", "--args", "--port", "1"]
    )
    assert (server.server.lifetime, server.server.check, server.server.port) == (9.0, 0.2, None)
    assert server.path == "/x/test_soak"


def test_visitors_use_every_widget_and_leave_passwords_alone(serve: Serve) -> None:
    server = serve(bokeh_serve("widgets_bokeh.py", run=False))
    plan = Plan.of(APPS / "widgets_bokeh.py", interact=True)

    async def visit() -> Visits:
        visits = Visits(plan, f"http://127.0.0.1:{server.ports[0]}/widgets_bokeh")
        await visits.visit()
        return visits

    visits = asyncio.run(visit())
    said = [line.split()[1] for line in server.log().splitlines() if line.startswith("moved ")]
    assert (visits.errors, visits.unanswered) == (0, 0), server.log()
    # Each move is a change, so all three were heard.
    assert {name: said.count(name) for name in said} == dict.fromkeys(
        ["button", "menu", "slider", "range", "dates", "select", "groups", "multi", "checkbox", "switch", "toggle",
         "ticks", "radio", "text", "complete", "number", "spinner", "day"], 3,
    )  # fmt: skip


@pytest.mark.long
@pytest.mark.once
def test_the_fixture_fails_a_test_whose_app_leaks(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "from bokeh_exporter.soak import run\n"
        "run.HELD = 2.0\n"
        "def test_it(assert_no_session_leak):\n"
        f"    assert_no_session_leak({str(LEAKS / '58_partial_on_bus.py')!r}, host='bokeh', sessions=10)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"], cwd=tmp_path,
        env=environment({"BOKEH_EXPORTER_GRACE": "2"}), capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    for words in ("retained_sessions", "models are still in memory after full collections", "Remove the reference"):
        assert words in done.stdout
