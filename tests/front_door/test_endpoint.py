"""The endpoint of a real server: it answers while the event loop is blocked, and says so; scrapes disturb nothing."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from ..support.scrapes import ACCEPT, Scrape, scrape
from ..support.servers import ServerProcess, bokeh_serve, python_script, uvicorn
from ..support.versions import HAS_ASGI
from ..support.waiting import wait_until
from ..support.web import Response, get

pytestmark = [pytest.mark.front_door, pytest.mark.once]

Serve = Callable[[ServerProcess], ServerProcess]

#: Seconds in which a scrape must be answered, whatever the event loop does.
PROMPT = 1.0
#: Seconds without a tick from which on the health checks fail.
STALE = 10.0
STAND_STILL = ("bokeh_event_loop_last_tick_timestamp_seconds", "bokeh_exporter_last_sample_timestamp_seconds")


def health(server: ServerProcess) -> tuple[Response, Response, Response]:
    url = server.exporter_url
    return get(f"{url}/healthz"), get(f"{url}/readyz"), get(f"{url}/")


class Blocked:
    """A server whose loop is to be blocked, and what was seen of it meanwhile."""

    def __init__(self, server: ServerProcess, how: str) -> None:
        self.server, self.how = server, how
        self.still: tuple[float | None, ...] = ()
        self.slowest = 0.0
        self.failing = False

    def block(self, pool: ThreadPoolExecutor) -> Future[Response] | None:
        """Block the loop, and return the page that is built meanwhile, if it is a page that blocks it."""
        page = None
        if self.how == "async callback":
            self.server.open_tab("/blocked_bokeh").click("go", wait=False)
        else:
            page = pool.submit(self.server.get, f"/blocked_bokeh?how={self.how}", timeout=60)
        self.server.wait_log(f"^blocked: {self.how}$")
        self.still = self.stamps(self.server.scrape())
        return page

    @staticmethod
    def stamps(scraped: Scrape) -> tuple[float | None, ...]:
        return tuple(scraped.value(name) for name in STAND_STILL)

    def look(self) -> None:
        """Scrape and ask for the health, as Prometheus and a kubelet would."""
        url = self.server.exporter_url
        begun = time.monotonic()
        answer = get(f"{url}/metrics", headers={"Accept": ACCEPT})
        self.slowest = max(self.slowest, time.monotonic() - begun)
        assert self.stamps(Scrape(answer.text)) == self.still, (
            f"{self.how}: a loop that is blocked neither ticks nor samples"
        )
        ticked = self.still[0]
        assert ticked is not None
        before = time.time() - ticked
        answers = health(self.server)
        after = time.time() - ticked
        healthz, readyz, landing = answers
        if before > STALE:
            assert (healthz.status, readyz.status, landing.status) == (503, 503, 200), (self.how, before)
            for answer in answers:
                assert "the event loop has not ticked for 1" in answer.text, (self.how, answer)
            self.failing = True
        elif after < STALE:
            assert (healthz.status, readyz.status) == (200, 200), (self.how, after)
            assert "the server listens and its event loop ticks" in landing.text

    def recovered(self) -> bool:
        """Whether all is as it was before."""
        moved = zip(self.stamps(self.server.scrape()), self.still, strict=True)
        return [answer.status for answer in health(self.server)] == [200, 200, 200] and all(
            now is not None and then is not None and now > then for now, then in moved
        )


def test_it_answers_while_python_code_blocks_the_loop(serve: Serve, tmp_path: Path) -> None:
    # All ways at once: each takes the ten seconds after which the health checks fail.
    release = tmp_path / "release"
    env = {"RELEASE": str(release)}
    hows = ("sleep", "compute", "async callback")
    blocked = [Blocked(serve(bokeh_serve("blocked_bokeh.py", env=env, lifetime_ms=60_000)), how) for how in hows]
    if HAS_ASGI:
        blocked.append(Blocked(serve(uvicorn("asgi_blocked:app", env=env)), "sleep"))
    for each in blocked:
        wait_until(lambda each=each: health(each.server)[1].status == 200, message="ready before it is blocked")  # type: ignore[misc]

    with ThreadPoolExecutor(len(blocked)) as pool:
        try:
            pages = [each.block(pool) for each in blocked]

            def all_fail() -> bool:
                for each in blocked:
                    each.look()
                return all(each.failing for each in blocked)

            wait_until(all_fail, 15, "the health checks fail")
        finally:
            release.touch()
        for page in pages:
            assert page is None or page.result().status == 200

    for each in blocked:
        assert each.slowest < PROMPT, f"{each.how}: a scrape took {each.slowest:.2f} s"
        wait_until(each.recovered, message=f"{each.how}: healthy again, ticking and sampling")
        scraped = each.server.scrape()
        late = scraped.total("bokeh_event_loop_lag_seconds_count") - scraped.total(
            "bokeh_event_loop_lag_seconds_bucket", le="5.0"
        )
        assert late == 1, f"{each.how}: one tick was very late"
        assert scraped.total("bokeh_exporter_errors_total") == 0


def test_the_token_is_wanted_by_everything_but_the_health_checks(serve: Serve) -> None:
    server = serve(bokeh_serve("slider_bokeh.py", env={"BOKEH_EXPORTER_TOKEN": "open-sesame"}))
    url = server.exporter_url
    statuses = {
        path: [get(url + path, token=token).status for token in (None, "open-sesam", "open-sesame")]
        for path in ("/healthz", "/readyz", "/metrics", "/")
    }
    assert statuses == {
        "/healthz": [200, 200, 200],
        "/readyz": [200, 200, 200],
        "/metrics": [401, 401, 200],
        "/": [401, 401, 200],
    }
    assert server.scrape(token="open-sesame").value("bokeh_sessions_created_total", app="/slider_bokeh") == 0
    assert "bokeh_sessions" not in get(f"{url}/metrics").text
    assert "open-sesame" not in server.log()


def test_it_is_not_ready_before_there_is_a_server(serve: Serve) -> None:
    script = serve(python_script("late_server.py", wait=False))
    healthz, readyz, landing = health(script)
    assert (healthz.status, readyz.status, landing.status) == (200, 503, 200)
    assert readyz.text == "this process has no Bokeh server yet\n"
    assert readyz.text.strip() in landing.text
    assert script.scrape().values("bokeh_sessions") == {}

    os.kill(script.pid, signal.SIGUSR1)
    wait_until(lambda: health(script)[1].status == 200, message="ready once a server listens")
    assert script.get("/good").status == 200
    assert "the server listens" in health(script)[2].text


def test_scrapes_under_load_are_whole_and_reset_nothing(serve: Serve) -> None:
    # Longer than a busy machine takes from page to websocket, or the websocket finds its session gone.
    server = serve(bokeh_serve("slider_bokeh.py", lifetime_ms=4000))
    url, app = server.exporter_url, "/slider_bokeh"
    threads, rounds = 4, 4
    done = threading.Event()

    def visit(number: int) -> None:
        for turn in range(rounds):
            tab = server.open_tab(app)
            tab.set("n", value=number * rounds + turn + 1)
            tab.close() if turn % 2 else tab.drop()

    def watch() -> list[Scrape]:
        seen = [scrape(url)]
        while not done.is_set():
            seen.append(scrape(url))
        return seen

    with ThreadPoolExecutor(threads + 2) as pool:
        watching = [pool.submit(watch) for _ in range(2)]
        try:
            for visited in [pool.submit(visit, number) for number in range(threads)]:
                visited.result()
            wait_until(lambda: server.scrape().total("bokeh_sessions_destroyed_total") == threads * rounds)
        finally:
            done.set()
        watched = [each.result() for each in watching]

    for seen in watched:
        assert len(seen) > 5
        for earlier, later in itertools.pairwise(seen):
            # Whole and growing: each scraper sees every count as if it were alone.
            before, after = counts(earlier), counts(later)
            assert {key for key in before if key not in after or after[key] < before[key]} == set()
    one, other = (scrape(url) for _ in range(2))
    for scraped in (one, other):
        assert scraped.value("bokeh_sessions_created_total", app=app) == threads * rounds
        assert scraped.by("bokeh_sessions", "state", app=app) == dict.fromkeys(
            ("connected", "unused", "blocked", "pending"), 0
        )
        assert scraped.by("bokeh_websocket_closed_total", "code", app=app)["1000"] == threads * rounds / 2
        messages = scraped.by("bokeh_websocket_received_messages_total", "message", app=app)
        assert messages["PULL-DOC-REQ"] == threads * rounds
        assert scraped.total("bokeh_exporter_errors_total") == 0


def counts(scraped: Scrape) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """All that can only grow: counters, and what histograms count."""
    return {
        (name, labels): value
        for family, kind in scraped.families.items()
        if kind in ("counter", "histogram")
        for name in (f"{family}_total", f"{family}_bucket", f"{family}_count", f"{family}_sum")
        for labels, value in scraped.values(name).items()
    }
