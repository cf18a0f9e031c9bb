"""Who blocks: a loop that is blocked, a pool that is full, an interpreter lock that is kept, on real servers."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ..support.scrapes import Scrape
from ..support.servers import ServerProcess, bokeh_serve, panel_serve, python_script
from ..support.versions import HAS_ASGI
from ..support.waiting import wait_until
from ..support.web import Response, get

pytestmark = pytest.mark.front_door

Serve = Callable[[ServerProcess], ServerProcess]

STALLS = "bokeh_event_loop_stalls_total"
#: Not in the line that tells the verdict, which says so too.
NOT_TICKED = r"(?<!: )the event loop has not ticked for [\d.]+ s"
#: A server keeps its sessions while it is looked at.
LONG_MS = 60_000
TOKEN = "hush-token"


def server_of(tmp_path: Path, app: str = "stalling_bokeh.py", **env: str) -> ServerProcess:
    build = panel_serve if "panel" in app else bokeh_serve
    release = {"RELEASE": str(tmp_path / "release"), "BOKEH_EXPORTER_STALL_AFTER": "1"}
    return build(app, env={**release, **env}, lifetime_ms=LONG_MS)


def release(tmp_path: Path) -> None:
    (tmp_path / "release").touch()


def stacks(server: ServerProcess, token: str | None = TOKEN, method: str = "POST") -> Response:
    return get(
        f"{server.exporter_url}/debug/stacks", method=method, data=b"" if method == "POST" else None, token=token
    )


def healthz(server: ServerProcess) -> Response:
    return get(f"{server.exporter_url}/healthz")


def until(server: ServerProcess, condition: Callable[[Scrape], bool], message: str) -> Scrape:
    def met() -> Scrape | None:
        scraped = server.scrape()
        return scraped if condition(scraped) else None

    return wait_until(met, 20, message)


def count(server: ServerProcess, pattern: str) -> int:
    return len(re.findall(pattern, server.log()))


def above(scraped: Scrape, name: str, bound: str) -> float:
    """How many observations of a histogram are above a bound."""
    return scraped.total(f"{name}_count") - scraped.total(f"{name}_bucket", le=bound)


def test_a_callback_that_blocks_the_loop_is_named_once_and_where_it_stands(serve: Serve, tmp_path: Path) -> None:
    server = serve(server_of(tmp_path, BOKEH_EXPORTER_DEBUG="1", BOKEH_EXPORTER_TOKEN=TOKEN))
    tab = server.open_tab("/stalling_bokeh")
    tab.click("waits_for_ever")
    held = "/stalling_bokeh: stalling_bokeh.py:waits_for_ever has held the document lock of a session for"
    server.wait_log(f"{held} [1-9]\\d* s: its page reacts to nothing")
    status = json.loads(get(f"{server.exporter_url}/api/v1/status", token=TOKEN).text)
    harm = {one["what"]: one["text"] for one in status["verdict"]["harm"]}
    assert harm["document_lock_held"].startswith(held)
    other = server.open_tab("/stalling_bokeh")
    server.wait_log("^waiting$")
    assert server.scrape(TOKEN).value(STALLS) == 0

    other.click("blocks", wait=False)
    server.wait_log("^blocked$")
    found = server.wait_log(
        rf"^.*{NOT_TICKED}; /stalling_bokeh: stalling_bokeh\.py:blocks has been running for \d+ s.*\n(    .*\n)+"
    )
    assert re.search(r"stalling_bokeh\.py:\d+ blocks\n    \S*stalling_bokeh\.py:\d+ hold\n$", found[0]), found[0]
    assert len(found[0].splitlines()) <= 16
    assert server.scrape(TOKEN).value(STALLS) == 1

    written = stacks(server)
    assert written.status == 200
    assert written.headers["Content-Type"].startswith("text/plain")
    threads, _, tasks = written.text.partition("tasks of the event loop in MainThread")
    main = re.search(r"^thread MainThread\n((  .*\n)+)", threads, re.MULTILINE)
    assert main is not None
    assert re.search(r"stalling_bokeh\.py:\d+ hold\n$", main[1]), main[1]
    assert "thread bokeh-exporter-watcher, daemon\n" in threads
    assert re.search(r"^  \S*stalling_bokeh\.py:\d+ waits_for_ever$", tasks, re.MULTILINE), tasks
    assert "hush" not in written.text
    assert tab.session_id not in written.text
    again = stacks(server)
    assert (again.status, again.headers["Retry-After"]) == (429, "1")
    assert stacks(server, method="GET").status == 405
    assert stacks(server, token=None).status == 401

    release(tmp_path)
    over = server.wait_log(r"the event loop ticks again after ([\d.]+) s; /stalling_bokeh: stalling_bokeh\.py:blocks")
    assert float(over[1]) > 1
    assert wait_until(lambda: stacks(server).status == 200, 5, "stacks once more")
    assert server.scrape(TOKEN).value(STALLS) == 1
    assert (count(server, NOT_TICKED), count(server, "ticks again")) == (1, 1)
    assert server.scrape(TOKEN).by("bokeh_exporter_errors_total", "component") == {}


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="uvloop has no wheel for this Python")
def test_on_uvloop_everything_is_seen_that_is_seen_on_pythons_own_loop(serve: Serve, tmp_path: Path) -> None:
    env = {"RELEASE": str(tmp_path / "release"), "BOKEH_EXPORTER_STALL_AFTER": "1", "BOKEH_EXPORTER_COLLECT": "all"}
    server = serve(python_script("uvloop_bokeh.py", env=env, lifetime_ms=LONG_MS))
    server.wait_log("^uvloop$")
    assert set(server.scrape().by("bokeh_exporter_hook_enabled", "hook").values()) == {1}
    assert get(f"{server.exporter_url}/healthz").status == 200  # the endpoint is there before the first page
    tab = server.open_tab("/stalling_bokeh")
    tab.click("blocks", wait=False)
    named = r"/stalling_bokeh: stalling_bokeh\.py:blocks has been running for \d+ s"
    server.wait_log(rf"^.*{NOT_TICKED}; {named}.*\n(    .*\n)*    \S*stalling_bokeh\.py:\d+ hold\n")
    release(tmp_path)
    server.wait_log(rf"ticks again after [\d.]+ s; {named}")
    seen = until(server, lambda s: s.total("bokeh_event_loop_lag_seconds_count") > 0, "the loop's lag")
    assert (seen.value(STALLS), seen.by("bokeh_exporter_errors_total", "component")) == (1, {})


@pytest.mark.parametrize("app", ["stalling_bokeh", "stalling_panel"])
def test_health_says_who_blocks_the_loop(serve: Serve, tmp_path: Path, app: str) -> None:
    server = serve(server_of(tmp_path, f"{app}.py"))
    tab = server.open_tab(f"/{app}")
    assert healthz(server).status == 200
    tab.click("blocks", wait=False)
    server.wait_log("^blocked$")
    sick = wait_until(lambda: answer if (answer := healthz(server)).status == 503 else None, 20)
    assert re.fullmatch(rf"{NOT_TICKED}; /{app}: {app}\.py:blocks has been running for 1\d s\n", sick.text), sick.text
    unready = get(f"{server.exporter_url}/readyz")
    assert unready.status == 503
    assert re.sub(r"\d+ s", "", unready.text) == re.sub(r"\d+ s", "", sick.text)
    release(tmp_path)
    wait_until(lambda: healthz(server).status == 200, 5)
    server.wait_log("ticks again after 1")


def test_without_debug_there_are_no_stacks(serve: Serve, tmp_path: Path) -> None:
    server = serve(server_of(tmp_path))
    assert stacks(server, token=None).status == 404
    assert stacks(server, token=None, method="GET").status == 404
    with server.open_tab("/stalling_bokeh"):
        scraped = until(server, lambda s: (s.value("bokeh_asyncio_tasks") or 0) > 0, "tasks")
    assert (scraped.value("bokeh_python_threads") or 0) >= 3  # the loop's, ours for http, the watcher
    assert (scraped.values("bokeh_executor_threads") != {}) == HAS_ASGI
    assert (scraped.value("bokeh_executor_queue_length") is not None) == HAS_ASGI
    assert (scraped.value("bokeh_executor_wait_seconds_count") is not None) == HAS_ASGI
    assert scraped.families["bokeh_executor_wait_seconds"] == "histogram"


@pytest.mark.skipif(not HAS_ASGI, reason="callbacks run on the loop before Bokeh 3.10")
def test_callbacks_that_fill_the_pool_are_named(serve: Serve, tmp_path: Path) -> None:
    server = serve(server_of(tmp_path))
    tabs = [server.open_tab("/stalling_bokeh") for _ in range(3)]
    idle = until(server, lambda s: s.total("bokeh_executor_wait_seconds_count") > 0, "the pool works")
    assert idle.value("bokeh_executor_threads", state="max") == 2 + 4  # ours, and Bokeh's for responses
    assert server.scrape().value("bokeh_executor_queue_length") == 0
    for tab in tabs:
        tab.click("works", wait=False)
    full = until(server, lambda s: s.value("bokeh_executor_queue_length") == 1, "one waits")
    assert (full.value("bokeh_executor_threads", state="busy") or 0) >= 2
    named = (
        r"all 2 worker threads have been busy for \d+ s with work waiting: "
        r"/stalling_bokeh: stalling_bokeh\.py:works \(2\)"
    )
    said = server.wait_log(rf"^.*{named}.*\n  2 of them:\n(    .*\n)+")
    assert re.search(r"stalling_bokeh\.py:\d+ works\n    \S*stalling_bokeh\.py:\d+ hold\n$", said[0]), said[0]
    sick = wait_until(lambda: answer if (answer := healthz(server)).status == 503 else None, 20)
    assert re.fullmatch(named + "\n", sick.text), sick.text
    assert server.scrape().value(STALLS) == 0, "the loop ticks on"

    release(tmp_path)
    server.wait_log(r"worker threads take work again after 1[\d.]+ s")
    free = until(server, lambda s: s.value("bokeh_executor_queue_length") == 0, "nothing waits")
    assert above(free, "bokeh_executor_wait_seconds", "5.0") == 1
    assert healthz(server).status == 200
    assert count(server, r"(?<!: )all \d+ worker threads have been busy") == 1
    assert free.by("bokeh_exporter_errors_total", "component") == {}


def test_a_c_call_that_keeps_the_interpreter_lock_is_measured_afterwards(serve: Serve, tmp_path: Path) -> None:
    server = serve(server_of(tmp_path, SECONDS="2"))
    assert above(server.scrape(), "bokeh_exporter_gil_wait_seconds", "1.0") == 0
    server.open_tab("/stalling_bokeh").click("computes_in_c", wait=False)
    server.wait_log("^computed$")
    scraped = server.scrape()
    assert above(scraped, "bokeh_exporter_gil_wait_seconds", "1.0") == 1
    server.wait_log(r"the whole process was blocked for [12]\.\d s.*stalling_bokeh\.py:computes_in_c")
    assert scraped.value(STALLS) == 0, "nobody could tick"


def test_a_process_that_was_suspended_does_not_blame_the_loop(serve: Serve, tmp_path: Path) -> None:
    server = serve(server_of(tmp_path, SECONDS="3"))
    server.open_tab("/stalling_bokeh").click("freezes", wait=False)
    server.wait_log(r"the whole process was blocked for [2-9]\.\d s.*suspended")
    server.wait_log("^thawed$")
    assert server.scrape().value(STALLS) == 0
    assert count(server, NOT_TICKED) == 0


def test_a_process_that_was_suspended_within_a_look_of_the_watcher(serve: Serve) -> None:
    server = serve(python_script("suspended_look.py", wait=False))
    assert server.wait_exit() == 0
    assert count(server, r"the whole process was blocked for \d\.\d s.*suspended") == 1
    assert count(server, r"stalls 0\.0") == 1


def test_the_watcher_ends_with_the_exporter_and_is_not_in_a_forked_child(serve: Serve) -> None:
    server = serve(python_script("forking_watched.py", wait=False))
    assert server.wait_exit() == 0
    threads = "['bokeh-exporter-http', 'bokeh-exporter-watcher']"
    assert [line for line in server.log().splitlines() if line.endswith("]")] == [
        f"installed: {threads}", "forked: []", "closed: []",
    ]  # fmt: skip


def test_a_package_that_is_imported_is_told_as_an_import_once_and_is_no_stall_of_a_callback(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve(server_of(tmp_path, "slow_import.py"))
    server.open_tab("/slow_import").close()
    server.wait_log(r"importing slow_package took [\d.]+ s, and the event loop waited")
    server.open_tab("/slow_import").close()
    assert count(server, "importing slow_package took") == 1
    assert count(server, "the event loop ticks again") == 0
    assert re.search(NOT_TICKED + "; importing slow_package", server.log()), "the longer import says so meanwhile"


@pytest.mark.once
def test_sessions_that_leave_together_block_the_loop_by_what_bokeh_does_at_the_end_of_each(serve: Serve) -> None:
    stalls = {"BOKEH_EXPORTER_STALL_AFTER": "0.4"}
    server = serve(bokeh_serve("leaving_bokeh.py", env=stalls, lifetime_ms=3000, check_ms=6000))
    tabs = [server.open_tab("/leaving_bokeh") for _ in range(16)]
    for tab in tabs:
        tab.close()
    # Whoever is not yet unused for long enough goes with the next sweep.
    said = r"has not ticked for [\d.]+ s; Bokeh destroys \d+ sessions, with a full garbage collection each\."
    server.wait_log(said, 60)
    assert not re.search("^    .*bokeh_exporter", server.log(), re.MULTILINE), "ours are cut"
