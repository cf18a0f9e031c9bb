"""What harms users and is not memory, judged from courses of numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bokeh_exporter.diagnose import AppSample, History, Process, Sample, judge
from bokeh_exporter.diagnose.harm.seen import Harm
from bokeh_exporter.diagnose.harm.trouble import AppTrouble, Trouble
from bokeh_exporter.thresholds import Thresholds

from .courses import START

pytestmark = pytest.mark.once


def harms(course: Callable[[int], Trouble], minutes: int = 30) -> dict[str, Harm]:
    """Judge a course of a server, a sample a minute."""
    built = History()
    for step in range(minutes):
        built.add(Sample(Process(START + 60.0 * step), {"/app": AppSample(created=1.0)}, trouble=course(step)))
    return {one.what: one for one in judge(built.points(), Thresholds()).harm}


def app(**numbers: float) -> Trouble:
    return Trouble({"/app": AppTrouble(**numbers)}, keep_alive=37.0, token_lifetime=300.0)


def test_a_server_without_trouble_harms_nobody() -> None:
    assert harms(lambda step: app(created=step, build_sum=0.2 * step, build_count=step, closed=step)) == {}
    # One call in a thousand, one websocket of a laptop that woke up, one page that was slow once.
    odd = Trouble({"/app": AppTrouble(closed=90, build_sum=9, build_count=1)}, {("/app", "a.py:f"): (4000, 4)},
                  {"expired": 2})  # fmt: skip
    assert harms(lambda step: odd) == {}


def test_what_was_fixed_goes_away_within_an_hour_and_counts_from_the_start_until_then() -> None:
    def fixed(step: int) -> Trouble:
        return Trouble(raised={("/app", "a.py:f"): (251.0 + step, 221.0)})

    assert harms(fixed, 3)["callback_errors"].text == "221 of 253 calls of a.py:f raised since the start"
    assert harms(fixed, 200) == {}

    def goes_on(step: int) -> Trouble:
        return Trouble(raised={("/app", "a.py:f"): (2.0 * step, 1.0 * step)})

    assert harms(goes_on, 200)["callback_errors"].text == "59 of 118 calls of a.py:f raised in the last 59 min"


def test_scripts_hooks_and_pages_that_fail_are_named_by_app() -> None:
    found = harms(lambda step: app(created=40, script=20, hook=2, token=9))
    assert found["script_errors"].text == "20 of 40 runs of the script of /app failed since the start"
    assert found["creation_errors"].text == "2 session-created hooks of /app raised since the start"
    assert "9 requests of the page /app were refused" in found["page_refused"].text


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("expired", "--session-token-expiration (now 5 min)"),
        ("origin", "--allow-websocket-origin"),
        ("token", "BOKEH_SECRET_KEY"),
        ("subprotocol", "Sec-WebSocket-Protocol"),
        ("auth", "--cookie-secret"),
    ],
)
def test_websockets_that_are_refused_have_a_reason_and_a_remedy(reason: str, remedy: str) -> None:
    found = harms(lambda step: app(closed=3, connections=1)._replace(refused={reason: 7.0}))
    assert found["websockets_refused"].text.startswith("7 of 11 websockets were refused since the start: ")
    assert remedy in found["websockets_refused"].advice


def test_websockets_that_reach_another_process_than_their_page() -> None:
    found = harms(lambda step: app(created=2.0 * step, landed=1.0 * step))["websockets_elsewhere"]
    assert found.text == "24 of 48 sessions of /app were made by a websocket whose page came from elsewhere"
    assert "sticky" in found.advice
    # Programs have no page, so none from elsewhere.
    assert harms(lambda step: app(created=2.0 * step, landed=1.0 * step, by_client=1.0 * step)) == {}
    # Forty tabs that come back within the first minutes after a restart.
    assert harms(lambda step: app(created=40.0 + step, landed=40.0 if step > 1 else 0.0)) == {}


def test_slow_first_pages() -> None:
    slow = harms(lambda step: app(created=step, build_sum=2.0 * step, build_count=step, ready_sum=8.0 * step,
                                  ready_count=step))  # fmt: skip
    assert slow["slow_pages"].text == "the page of /app took 8.0 s on average, over 29 visits since the start"


def test_browsers_that_do_not_read_are_told_after_minutes_only() -> None:
    def reads_no_more(step: int) -> Trouble:
        return app(unsent=3e6 if step > 20 else 0.0)

    assert harms(reads_no_more, 23) == {}
    assert "have not read for 8 min: 3.0 MB wait" in harms(reads_no_more)["browsers_not_reading"].text
    now_and_then = harms(lambda step: app(unsent=3e6 if step % 2 else 0.0))
    assert now_and_then == {}


def test_a_browser_that_has_gone_is_named_after_four_pings() -> None:
    assert harms(lambda step: app(silent=140.0)) == {}
    found = harms(lambda step: app(silent=150.0))["browsers_silent"]
    assert found.text == "a browser of /app has not answered for 2 min and still counts as connected"
    assert "TCP keep-alive" in found.advice


def test_sessions_of_programs_that_no_page_joins() -> None:
    assert harms(lambda step: app(without_page=4)) == {}
    assert harms(lambda step: app(without_page=9 if step % 2 else 0)) == {}, "they come and go"
    found = harms(lambda step: app(without_page=9 if step > 20 else 0))["sessions_without_page"]
    assert found.text.startswith("9 sessions of /app were opened by a program (pull_session) and are in no page")
    assert "server_session" in found.advice


def test_a_proxys_time_out_names_the_age_and_the_keep_alive_setting() -> None:
    found = harms(lambda step: app(cut_age=30.4))["websockets_cut"]
    assert found.text == "websockets of /app are cut off at the same age, 30 s"
    assert "--keep-alive below it (now 37 s)" in found.advice
