"""What the tests stand on tells the truth when things go wrong: that is what nobody would notice."""

from __future__ import annotations

import sys

import pytest

from tests.conftest import Serve
from tests.support import (
    APPS,
    Refused,
    Scrape,
    ServerError,
    ServerProcess,
    StartError,
    bokeh_serve,
    wait_until,
    wait_until_async,
)
from tests.support.servers import answers

TEXT = """\
# TYPE a counter
a_total{app="/x",state="on"} 1.0
a_total{app="/y",state="on"} 2.0
# EOF
"""


def test_wait_names_what_never_came() -> None:
    with pytest.raises(AssertionError, match=r"a sign: still 0 after 0\.1 s"):
        wait_until(lambda: 0, 0.1, "a sign")
    with pytest.raises(AssertionError, match="len"):
        wait_until(lambda: len(""), 0.1)


def test_wait_passes_over_the_named_exceptions_only() -> None:
    answers = iter([OSError, None, 7])

    def condition() -> int | None:
        answer = next(answers)
        if answer is OSError:
            raise OSError
        return answer  # type: ignore[return-value]

    assert wait_until(condition, ignoring=(OSError,)) == 7
    with pytest.raises(StopIteration):
        wait_until(condition, ignoring=(OSError,))


async def _value() -> int | None:
    return 7


def test_async_wait() -> None:
    import asyncio

    assert asyncio.run(wait_until_async(_value)) == 7


def test_scrape_wants_one_sample() -> None:
    scrape = Scrape(TEXT)
    assert scrape.families == {"a": "counter"}
    assert scrape.value("a_total", app="/x") == 1
    assert scrape.value("a_total", app="/z") is None
    assert scrape.total("a_total", state="on") == 3
    assert scrape.by("a_total", "app") == {"/x": 1, "/y": 2}
    assert scrape.values("a_total")[frozenset({("app", "/x"), ("state", "on")})] == 1
    with pytest.raises(AssertionError, match="not one sample"):
        scrape.value("a_total", state="on")


def test_start_error_shows_the_log() -> None:
    with pytest.raises(StartError, match="a reason") as caught:
        ServerProcess([sys.executable, "-c", "print('a reason'); raise SystemExit(7)"]).start()
    assert caught.value.returncode == 7


def test_stop_ends_the_children_too() -> None:
    # The parent ends at once and leaves a child that ignores SIGTERM: the port must be free all the same.
    child = "import signal, socket, time; signal.signal(15, signal.SIG_IGN); " \
        "s = socket.create_server(('127.0.0.1', {port})); time.sleep(60)"  # fmt: skip
    parent = f'import subprocess, sys, time; subprocess.Popen([sys.executable, "-c", "{child}"]); time.sleep(60)'
    server = ServerProcess([sys.executable, "-c", parent]).start()
    server.stop(grace=0.5)
    assert not answers(server.ports[0])
    assert not server.directory.exists()


def test_a_tab_is_a_browser(serve: Serve) -> None:
    server = serve(bokeh_serve("slider_bokeh.py", APPS / "raising_callback.py", run=False))
    with server.open_tab("/slider_bokeh") as tab:
        tab.set("n", value=3)
        wait_until(lambda: tab.value("out", "text") == "n = 3")
        tab.click("go")
        wait_until(lambda: tab.value("out", "text") == "go = 1")
        assert tab.sent_messages == {"PULL-DOC-REQ": 1, "PATCH-DOC": 3}
        assert tab.sent_bytes > 0
        assert tab.received_bytes > tab.sent_bytes
    assert tab.close_code == 1000
    server.wait_log("code=1000")
    server.open_tab("/slider_bokeh").drop()
    server.wait_log("code=None")
    with server.open_tab("/raising_callback") as tab, pytest.raises(ServerError, match="pressed"):
        tab.click("go")
    with pytest.raises(Refused):
        server.open_tab("/slider_bokeh", origin="http://elsewhere.example")
