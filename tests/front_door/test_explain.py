"""Who holds it, asked of real servers: leaking apps, what nobody sees, a healthy one, sessions that end meanwhile.

A few cases run by themselves; EXPLAIN_ALL=1 (``make explain-all``) runs all of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from bokeh_exporter.state.notices import UNCOLLECTED

from ..conftest import Serve
from ..leaks.cases import BOKEH_310
from ..support import ServerProcess, bokeh_serve, get, panel_serve, wait_until
from ..support.collector import Collector, values

LEAKS = Path(__file__).parents[1] / "leaks"
ENVIRONMENT = {
    "BOKEH_EXPORTER_DEBUG": "1", "BOKEH_EXPORTER_GRACE": "0.5", "BOKEH_EXPORTER_EXPLAIN_RETAINED": "0",
    "PYTHONPATH": str(LEAKS),
}  # fmt: skip
EVERY = pytest.mark.skipif(not os.environ.get("EXPLAIN_ALL"), reason="needs EXPLAIN_ALL=1")

#: App -> the kind that it retains, and what manifest.json says of the holder, in the words of explain.
CASES = [
    pytest.param("02_curdoc_by_user", "document", ["module acme.registry, DOC_BY_USER[<str, 32 chars, #"]),
    pytest.param(
        "04_bind_on_global", "model",
        ["module acme.settings, GLOBAL._param__private.watchers['threshold']",
         "watcher of parameter 'threshold' of Settings", "method ParamFunction."],
    ),
    pytest.param(
        "07_ioloop_periodic", "document",
        ["event loop._scheduled", "-> timer", "PeriodicCallback.callback",
         "function make_tick.<locals>.tick (07_ioloop", "closure variable document"],
    ),
    pytest.param("09_lru_cache_method", "document",
                 ["functools.lru_cache of acme.views.Report.quantile cached argument -> Report.doc"], marks=EVERY),
    pytest.param("40_clean_bokeh", None, [], marks=EVERY),
    pytest.param("41_clean_panel", None, []),
    # What is kept there is a table of numbers, and no object of Bokeh's.
    pytest.param("30_dataframe_in_closure", None, [], marks=EVERY),
    pytest.param("32_malloc_fragmentation", None, [], marks=EVERY),
    # A timer of the event loop has them for 6 s, then nothing does.
    pytest.param("44_slow_cycles", None, [], marks=EVERY),
    pytest.param("47_panel_burst_traffic", None, [], marks=EVERY),
    pytest.param("51_views_in_cache", "model", ["panel.state._param__private.values["], marks=EVERY),
    pytest.param("62_zombie", "session",
                 ["ApplicationContext._sessions[", "a zombie since the destroy() of Stubborn raised"], marks=EVERY),
]  # fmt: skip

#: App -> the value that its widget is set to, whether the browser then leaves, and why the session is still there.
LIVE = [
    pytest.param("15_lock_never_released", {"page": 2}, True, "without a connection, its expiration blocked",
                 marks=[EVERY, pytest.mark.skipif(BOKEH_310, reason="there the lock does not block expiration")]),
    pytest.param("20_renderers_per_event", {"k": 2}, False, "with 1 connection", marks=EVERY),
    pytest.param("21_stream_no_rollover", {}, False, "with 1 connection", marks=EVERY),
]  # fmt: skip


def ask(server: ServerProcess, query: str = "") -> dict[str, Any]:
    answer = get(f"{server.exporter_url}/debug/explain{query}", method="POST", data=b"", timeout=90)
    assert answer.status == 200, answer.text
    found: dict[str, Any] = json.loads(answer.body)
    assert set(found) == {"retained", "constant", "containers", "objects_visited", "seconds"}
    for each in found["retained"] + found["containers"]:
        assert set(each) == {
            "app", "kind", "count", "age_seconds", "root", "path", "text", "retained_bytes", "since", "change_bytes",
            "change_since", "whose", "whose_text", "remedy", "diff",
        }  # fmt: skip
        assert all(set(step) == {"type", "name", "module", "file", "line"} for step in each["path"])
    return found


def serve_leak(serve: Serve, name: str, **environment: str) -> ServerProcess:
    path = LEAKS / f"{name}.py"
    run = panel_serve if path.read_text().startswith('"""panel') else bokeh_serve
    return serve(run(path, env={**ENVIRONMENT, **environment}))


def visit(server: ServerProcess, name: str, sessions: int, query: str = "") -> None:
    for _ in range(sessions):
        server.open_tab(f"/{name}", query).close()
    wait_until(lambda: server.scrape().total("bokeh_sessions") == 0, 40)


@pytest.mark.parametrize(("name", "kind", "words"), CASES)
def test_the_path_of_a_leaking_app_ends_at_its_holder(
    serve: Serve, name: str, kind: str | None, words: list[str]
) -> None:
    server = serve_leak(serve, name)
    visit(server, name, 3)
    if kind is None:
        wait_until(lambda: _nothing(server), 30)
        return
    with contextlib.closing(server.open_tab(f"/{name}")):  # its script has imported the holder, too
        found = ask(server)["retained"]
    first = found[0]
    assert not first["root"].startswith("module of an app's session"), first["text"]
    assert (first["app"], first["kind"], first["count"]) == (f"/{name}", kind, 3)
    assert [each for each in words if each not in first["text"]] == [], first["text"]
    assert "their sessions" in first["text"] or "destroyed" in first["text"]
    assert first["path"][-1]["type"] == {"document": "Document", "session": "ServerSession", "model": "figure"}[kind]


@pytest.mark.parametrize(("name", "values", "leaves", "words"), LIVE)
def test_a_session_that_does_not_end_is_told_with_the_reason(
    serve: Serve, name: str, values: dict[str, int], leaves: bool, words: str
) -> None:
    server = serve_leak(serve, name)
    tab = server.open_tab(f"/{name}")
    for widget, value in values.items():
        tab.set(widget, value=value)
    if leaves:
        tab.close()
        wait_until(lambda: server.scrape().total("bokeh_sessions", state="blocked") == 1, 20)
    (found,) = ask(server, "?live=1")["retained"]
    assert (found["kind"], found["count"], found["path"][-1]["type"]) == ("live_session", 1, "ServerSession")
    assert f"live session of /{name}" in found["text"]
    assert words in found["text"]
    tab.close()


@pytest.mark.long
@pytest.mark.once
def test_what_python_does_not_see_is_told_as_such(serve: Serve) -> None:
    server = serve(bokeh_serve("explained_bokeh.py", env=ENVIRONMENT))
    visit(server, "explained_bokeh", 1, "how=frame")
    visit(server, "explained_bokeh", 1, "how=c")
    texts = [each["text"] for each in ask(server)["retained"] if each["kind"] == "document"]
    running = [text for text in texts if "function keep (explained_bokeh.py:" in text]
    assert "runs in thread 'keeper', local variable document" in running[0]
    assert any("the garbage collector does not see, a C extension" in text for text in texts), texts

    command = [sys.executable, "-m", "bokeh_exporter", "explain", server.exporter_url]
    told = wait_until(lambda: _told(command), 30, "an answer other than 'too soon'")
    assert told.returncode == 1
    assert "function keep" in told.stdout
    assert "└─" in told.stdout
    assert wait_until(lambda: server.scrape().total("bokeh_sessions_uncollected", state="retained") >= 2, 30)
    doctor = [*command[:-2], "doctor", server.exporter_url]
    seen = wait_until(lambda: _told(doctor), 30, "an answer other than 'too soon'")
    assert "local variable document -> Document of /explained_bokeh" in seen.stdout
    after = subprocess.run(command, capture_output=True, text=True, timeout=120)  # doctor has just searched: it waits
    assert (after.returncode, after.stderr) == (1, ""), after.stderr
    assert "function keep" in after.stdout
    found = json.loads(wait_until(lambda: _told([*doctor, "--json"]), 30, "an answer").stdout)
    assert found["schema"] == 1
    assert "function keep" in "".join(each["text"] for each in found["retained"])
    nobody = subprocess.run([*command[:-1], "http://127.0.0.1:9"], capture_output=True, text=True, timeout=60)
    assert (nobody.returncode, nobody.stdout, nobody.stderr.count("\n")) == (2, "", 1)

    traced = get(f"{server.exporter_url}/debug/capture?seconds=0.2", method="POST", data=b"", timeout=90)
    assert {"seconds", "lines", "of", "cost_bytes", "pause_seconds"} <= set(json.loads(traced.body))

    os.kill(server.pid, signal.SIGUSR2)
    server.wait_log(r"who holds destroyed sessions:\n(.*\n)?.*function keep", 60)
    live = server.open_tab("/explained_bokeh")
    alive = wait_until(lambda: _live(server), 30)
    assert "ApplicationContext._sessions" in alive["text"]
    assert "live session of /explained_bokeh with 1 connection" in alive["text"]
    live.close()


def _told(command: list[str]) -> subprocess.CompletedProcess[str] | None:
    told = subprocess.run(command, capture_output=True, text=True, timeout=90)
    return None if "too soon" in told.stderr + told.stdout else told


def _live(server: ServerProcess) -> dict[str, Any] | None:
    answer = get(f"{server.exporter_url}/debug/explain?live=1", method="POST", data=b"", timeout=90)
    found = json.loads(answer.body)["retained"] if answer.status == 200 else []
    return found[0] if found and found[0]["kind"] == "live_session" else None


@pytest.mark.long
def test_sessions_end_while_somebody_looks_and_nobody_notices(serve: Serve) -> None:
    server = serve_leak(serve, "40_clean_bokeh")
    ended = threading.Event()
    asked: list[int] = []

    def look() -> None:
        while not ended.is_set():
            answer = get(f"{server.exporter_url}/debug/explain?live=1", method="POST", data=b"", timeout=90)
            asked.append(answer.status)
            ended.wait(0.2)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        visit(server, "40_clean_bokeh", 24)
    finally:
        ended.set()
        thread.join()
    assert asked.count(200) >= 3
    assert set(asked) <= {200, 429}
    assert "unexpected referrers" not in server.log()
    assert "ERROR" not in server.log()
    assert server.scrape().total("bokeh_exporter_errors_total") == 0
    wait_until(lambda: _nothing(server), 30)


def _nothing(server: ServerProcess) -> bool:
    headers = {"Accept": "text/plain"}
    answer = get(f"{server.exporter_url}/debug/explain", method="POST", data=b"", headers=headers, timeout=90)
    return answer.text == "nothing is retained\n"  # nor 429


def test_it_is_told_by_itself_once_sessions_are_retained(serve: Serve) -> None:
    with Collector() as collector:
        env = {
            "BOKEH_EXPORTER_EXPLAIN_RETAINED": "1", "BOKEH_EXPORTER_GRACE": "0.05", "BOKEH_EXPORTER_DEBUG": "0",
            "BOKEH_EXPORTER_OTLP": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.http_url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_BLRP_SCHEDULE_DELAY": "200",
        }  # fmt: skip
        server = serve_leak(serve, "02_curdoc_by_user", **env)
        visit(server, "02_curdoc_by_user", 4)
        holder = "module acme.registry, DOC_BY_USER"
        server.wait_log(rf"who holds destroyed sessions of /02_curdoc_by_user: {holder}", 40)

        def told() -> list[dict[str, Any]]:
            records = [values(each.attributes) for each in collector.records() if each.event_name == UNCOLLECTED]
            return [each for each in records if "bokeh.retention.root" in each]

        (event,) = wait_until(told, 20, "the event")
        assert (event["bokeh.app"], event["bokeh.retention.root"]) == ("/02_curdoc_by_user", holder)
        assert event["bokeh.retention.path"].startswith(f"{holder}[<str, 32 chars, #")

    doctor = [sys.executable, "-m", "bokeh_exporter", "doctor", server.exporter_url]
    said = subprocess.run(doctor, capture_output=True, text=True, timeout=90).stdout
    remedy = "^Cannot show who holds them: .* BOKEH_EXPORTER_DEBUG=1, or give the server's PID"
    assert re.search(remedy, said, re.MULTILINE)


def test_explain_waits_for_its_turn(serve: Serve) -> None:
    server = serve_leak(serve, "02_curdoc_by_user")
    visit(server, "02_curdoc_by_user", 2)
    # As doctor searches, too: the exporter answers 429 to another search that comes at once.
    # "At once" is within a second, so a busy machine may need to ask again.
    address = f"{server.exporter_url}/debug/explain"
    assert get(address, method="POST", data=b"", timeout=60).status == 200
    refused = lambda: get(address, method="POST", data=b"", timeout=60).status == 429  # noqa: E731
    wait_until(refused, 60, "a search that comes at once is refused", interval=0)
    command = [sys.executable, "-m", "bokeh_exporter", "explain", server.exporter_url]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "module acme.registry, DOC_BY_USER" in said.stdout
    assert (said.returncode, said.stderr) == (1, "")


@pytest.mark.long
def test_the_container_that_grows_is_named_at_the_second_search(serve: Serve) -> None:
    server = serve(bokeh_serve(LEAKS / "83_plain_lists.py", LEAKS / "92_bounded_cache.py", env=ENVIRONMENT))
    for user in range(7):  # from here on the cache is full, and as big as it gets
        server.open_tab("/92_bounded_cache", f"user=u{user}").close()
    visit(server, "83_plain_lists", 1)
    assert ask(server)["containers"] == []
    open_tab = server.open_tab("/83_plain_lists")  # a server in production has a session open, which imports the list
    for user in range(7, 10):
        server.open_tab("/92_bounded_cache", f"user=u{user}").close()
    command = [sys.executable, "-m", "bokeh_exporter", "explain", server.exporter_url]
    said = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=120)
    (row,) = json.loads(said.stdout)["containers"]
    assert (row["kind"], row["root"], row["count"]) == ("container", "module acme.registry, VISITORS", 2)
    assert row["text"].startswith("module acme.registry, VISITORS -> list of 2 entries; emptying it would free ")
    assert 1_500_000 < row["change_bytes"] < 0.6 * row["retained_bytes"] < 5_000_000
    assert row["since"] == pytest.approx(row["change_since"], abs=0.01)
    assert (row["whose"], row["whose_text"]) == ("app", "your code: acme/registry.py:5")
    assert "limit" in row["remedy"]
    (shown,) = json.loads(get(f"{server.exporter_url}/api/v1/status").body)["containers"]
    assert shown == {key: row[key] for key in shown}
    assert shown["text"] == row["text"]
    report = [*command[:-2], "report", server.exporter_url, "--markdown"]
    written = subprocess.run(report, capture_output=True, text=True, timeout=120).stdout
    assert f"### What grew between two searches\n\n- {row['text']}" in written  # it has not grown since
    open_tab.close()

    server.open_tab("/83_plain_lists").close()
    told = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "grew: module acme.registry, VISITORS -> list of 3 entries; " in told.stdout, told.stdout + told.stderr
