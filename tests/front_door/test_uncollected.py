"""The leak ledger and the census against what the server itself counts by a walk of its heap."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..support.scrapes import Scrape
from ..support.servers import ServerProcess, bokeh_serve, panel_serve, python_script, uvicorn
from ..support.versions import HAS_ASGI, PANEL_VERSION, line_ships
from ..support.waiting import wait_until
from ..support.web import get

Serve = Callable[[ServerProcess], ServerProcess]

#: No collection but those that are asked for; none counts before the grace is over.
ASKED = {"BOKEH_EXPORTER_COLLECT_GARBAGE": "0", "BOKEH_EXPORTER_DEBUG": "1"}
VISITS = 2
LAST = "bokeh_python_gc_last_full_collection_timestamp_seconds"
TICK = "bokeh_event_loop_last_tick_timestamp_seconds"


def until(server: ServerProcess, condition: Callable[[Scrape], object], message: str) -> Scrape:
    def met() -> Scrape | None:
        scraped = server.scrape()
        return scraped if condition(scraped) else None

    return wait_until(met, 40, message)


def left(scraped: Scrape, app: str) -> dict[str, tuple[float, float]]:
    """Sessions and models of an app that are left, by state."""
    return {
        state: (
            scraped.total("bokeh_sessions_uncollected", app=app, state=state),
            scraped.total("bokeh_models_uncollected", app=app, state=state),
        )
        for state in ("pending", "retained")
    }


def collect(server: ServerProcess) -> dict[str, float]:
    """Ask for a full collection; one a second is answered."""

    def asked() -> dict[str, float] | None:
        answer = get(f"{server.exporter_url}/debug/collect", method="POST", data=b"")
        if answer.status == 429:
            return None
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json"), answer.text
        found: dict[str, float] = json.loads(answer.text)
        return found

    return wait_until(asked, 20, "a collection")


def collected(server: ServerProcess, condition: Callable[[Scrape], object], message: str) -> Scrape:
    """Collect and scrape until the condition holds: the grace of the last session may just not be over."""

    def met() -> Scrape | None:
        collect(server)
        scraped = server.scrape()
        return scraped if condition(scraped) else None

    return wait_until(met, 40, message)


def destroyed(server: ServerProcess, number: float) -> bool:
    return server.scrape().total("bokeh_session_destroy_duration_seconds_count") == number


def observing(server: ServerProcess) -> str:
    """What the server says that it has not seen enough of."""
    return json.loads(get(f"{server.exporter_url}/api/v1/status").text)["verdict"]["observing"] or ""


def visit(server: ServerProcess, paths: list[str], times: int = VISITS) -> None:
    tabs = [server.open_tab(path) for path in paths for _ in range(times)]
    for tab in tabs:
        tab.close()


class Truth:
    """What the app's own thread answers."""

    def __init__(self, path: Path) -> None:
        self.env = {"TRUTH": str(path)}
        self._path = path

    def ask(self, what: str = "count") -> dict[str, Any]:
        port = wait_until(lambda: self._path.exists() and self._path.read_text(), 20, "the truth's port")
        found: dict[str, Any] = json.loads(get(f"http://127.0.0.1:{port}/{what}").text)
        return found


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    return Truth(tmp_path / "truth")


#: App -> whether it keeps Documents, and how many models of each session; None is what the server counts.
KEPT = {
    "/clean": (0, 0), "/document": (1, 0), "/plot": (0, None), "/removed": (0, 1), "/orphan": (0, 0),
    "/zombie": (1, 3),
}  # fmt: skip

SERVERS = [pytest.param(lambda env: python_script("kept_bokeh.py", env=env), id="bokeh")]
if HAS_ASGI:
    SERVERS.append(pytest.param(lambda env: uvicorn("asgi_kept:app", env=env), id="asgi"))


@pytest.mark.front_door
@pytest.mark.parametrize("build", SERVERS)
def test_what_is_kept_is_retained_after_the_grace_and_pending_before(
    serve: Serve, truth: Truth, build: Callable[[dict[str, str]], ServerProcess]
) -> None:
    grace, age = 5.0, "bokeh_session_uncollected_age_max_seconds"
    server = serve(build({**ASKED, **truth.env, "BOKEH_EXPORTER_GRACE": str(grace)}))
    wait_until(lambda: "by the exporter are off" in observing(server), 20, "it says what cannot be known")
    visit(server, list(KEPT))
    live = until(server, lambda s: s.total("bokeh_models_orphaned", model="Range1d") == VISITS, "orphans")
    assert live.total("bokeh_models") == pytest.approx(truth.ask()["alive"], abs=100)
    gone = until(
        server,
        lambda s: all(s.total("bokeh_sessions_destroyed_total", app=app) == VISITS for app in KEPT),
        "all destroyed",
    )
    assert "of 10 sessions" not in observing(server), "the next judgement is due in a minute"
    collect(server)
    young = server.scrape()
    if max(young.by(age, "app").values()) < grace:  # not on a machine that stood still
        assert young.total("bokeh_sessions_uncollected", state="retained") == 0
        assert young.total("bokeh_models_uncollected", state="retained") == 0
        assert left(young, "/document")["pending"] == (VISITS, 0)
        assert left(young, "/zombie")["pending"] == (VISITS, 3 * VISITS)
    old_enough = grace + gone.total(age, app="/document")
    until(server, lambda s: s.total(age, app="/document") > old_enough, "all of them are old enough")
    assert collect(server)["pause_seconds"] > 0

    old, real = server.scrape(), truth.ask()
    models = {app: left(old, app)["retained"][1] for app in KEPT}
    for app, (documents, kept) in KEPT.items():
        assert left(old, app)["pending"] == (0, 0), app
        assert left(old, app)["retained"][0] == documents * VISITS, app
        if kept is not None:
            assert models[app] == kept * VISITS, app
    assert models["/plot"] >= 10 * VISITS, "a figure is many models"
    assert sum(models.values()) == real["models"]
    assert old.total("bokeh_sessions_uncollected") == real["documents"]
    assert old.total("bokeh_models") == real["alive"]
    orphans = {model: count for model, count in old.by("bokeh_models_orphaned", "model").items() if count}
    assert orphans == {"Range1d": VISITS}
    assert old.value(age, app="/clean") == 0
    assert old.value("bokeh_session_collect_duration_seconds_count", app="/clean") == VISITS
    assert old.value("bokeh_session_collect_duration_seconds_count", app="/document") == 0

    truth.ask("release")
    # More than once: a search for who holds it, which began by itself, may hold them for a moment longer.
    free = collected(
        server,
        lambda s: (
            s.total("bokeh_sessions_uncollected", app="/document") == 0
            and s.total("bokeh_models_uncollected") == 3 * VISITS
        ),
        "released",
    )
    assert left(free, "/zombie")["retained"] == (VISITS, 3 * VISITS), "nobody keeps it but Bokeh"
    assert free.total("bokeh_models_orphaned") == 0
    duration = free.value("bokeh_session_collect_duration_seconds_sum", app="/document")
    assert duration is not None
    assert duration > VISITS * grace
    assert free.total("bokeh_exporter_errors_total") == 0


def test_models_removed_or_made_in_threads_are_orphans_while_the_session_lives(serve: Serve, truth: Truth) -> None:
    server = serve(python_script("kept_bokeh.py", env={**ASKED, **truth.env, "BOKEH_EXPORTER_COLLECT": "session"}))
    with server.open_tab("/removed"), server.open_tab("/threads") as tab:
        tab.click("go")
        wait_until(lambda: tab.value("out", "text") == "done")
        collect(server)
        live, real = server.scrape(), truth.ask()
        orphans = live.by("bokeh_models_orphaned", "model")
        assert {model: count for model, count in orphans.items() if count} == {"Div": 1, "Spinner": 80}
        assert real["orphans"]["Spinner"] == 80
        assert live.total("bokeh_models") == real["alive"]
        assert live.total("bokeh_models_uncollected") == 0
    gone = until(server, lambda s: s.total("bokeh_models_uncollected", app="/removed", state="pending"), "destroyed")
    # What was removed belongs to the session again, now that it is gone; what never did stays an orphan.
    assert gone.total("bokeh_models_orphaned", model="Div") == 0
    assert gone.total("bokeh_models_orphaned", model="Spinner") == 80


def test_a_model_seen_as_an_orphan_before_it_came_and_went(serve: Serve, truth: Truth) -> None:
    server = serve(python_script("kept_bokeh.py", env={**ASKED, **truth.env}))
    with server.open_tab("/late") as tab:
        tab.click("make")
        until(server, lambda s: s.total("bokeh_models_orphaned", model="Div") == 1, "made and booked")
        tab.click("show")
    gone = until(server, lambda s: s.total("bokeh_models_uncollected", app="/late", state="pending") == 1, "destroyed")
    assert gone.total("bokeh_models_orphaned") == 0


def test_the_exporter_itself_keeps_nothing(serve: Serve, tmp_path: Path) -> None:
    found = []
    # A session that is gone before its socket comes is made anew by that, and both would be counted.
    patient = {"LIFETIME_MS": "4000"}
    for bare in (True, False):
        truth = Truth(tmp_path / f"truth-{bare}")
        server = serve(python_script("kept_bokeh.py", *(["bare"] if bare else []), env={**truth.env, **patient}))
        visit(server, ["/clean", "/plot", "/removed", "/orphan"])

        def all_gone(truth: Truth = truth) -> dict[str, Any] | None:
            real = truth.ask("count?collect")
            return real if not real["documents"] and not real["live"] else None

        wait_until(all_gone, 40, "all destroyed and freed")
        found.append(truth.ask("count?collect"))  # the last may have ended between that collection and its count
    assert found[0] == found[1]


@pytest.mark.parametrize("build", [bokeh_serve, *([panel_serve] if PANEL_VERSION else [])])
def test_clean_apps_keep_at_most_one_session(serve: Serve, build: Callable[..., ServerProcess]) -> None:
    name = "slider_bokeh" if build is bokeh_serve else "slider_panel"
    server = serve(build(f"{name}.py", env={**ASKED, "BOKEH_EXPORTER_GRACE": "0.05"}))
    kept = []
    for _ in range(2):
        before = server.scrape().total("bokeh_session_destroy_duration_seconds_count")
        visit(server, [f"/{name}"], 3)
        wait_until(functools.partial(destroyed, server, before + 3))
        seen = collected(server, lambda s: s.total("bokeh_sessions_uncollected", state="pending") == 0, "judged")
        kept.append(seen.total("bokeh_sessions_uncollected", state="retained"))
        assert seen.total("bokeh_models_orphaned") == 0
        assert seen.value("bokeh_app_modules") == 0
    assert kept in ([0, 0], [1, 1]), "Panel keeps one Document per process, and never more"
    assert seen.total("bokeh_session_collect_duration_seconds_count") == 6 - kept[1]
    full = seen.value("bokeh_python_gc_pause_seconds_count", generation="2")
    assert full is not None
    assert full >= 2
    assert seen.total("bokeh_python_gc_pause_seconds_sum") > 0


def test_it_collects_by_itself_when_nobody_else_does(serve: Serve, truth: Truth) -> None:
    server = serve(python_script("kept_bokeh.py", env={**truth.env, "BOKEH_EXPORTER_GRACE": "0.3"}))
    visit(server, ["/document"], 1)
    # Bokeh's own collection was inside this very destroy(), so it says nothing of this session.
    until(server, lambda s: left(s, "/document")["retained"] == (1, 0), "retained, with nobody asking")
    collections = server.scrape().total("bokeh_python_gc_pause_seconds_count", generation="2")
    visit(server, ["/document"], 1)
    # The limit of five minutes: it waits.
    until(server, lambda s: left(s, "/document")["pending"] == (1, 0), "pending")
    time_of_last = server.scrape().total(LAST)
    seen = until(server, lambda s: s.total(TICK) > time_of_last + 2, "it has had two seconds to do it")
    assert left(seen, "/document") == {"pending": (1, 0), "retained": (1, 0)}
    assert seen.total("bokeh_python_gc_pause_seconds_count", generation="2") == collections + 1, "Bokeh's own"


def test_it_backs_off_after_a_collection_that_took_long_and_tries_again(serve: Serve, truth: Truth) -> None:
    options = {"BOKEH_EXPORTER_GRACE": "0.3", "BOKEH_EXPORTER_COLLECT_GARBAGE_LIMIT": "0.05"}
    waits = serve(python_script("kept_bokeh.py", "waits", env={**truth.env, **options}))
    server = serve(python_script("kept_bokeh.py", "slow", env={**truth.env, **options}))
    for each in (1, 2):
        for one in (waits, server):
            visit(one, ["/document"], 1)
            until(one, lambda s, each=each: left(s, "/document")["retained"] == (each, 0), "retained")  # type: ignore[misc]
    server.wait_log("a full garbage collection took .* at the earliest.* BOKEH_EXPORTER_COLLECT_GARBAGE=0")
    # The clock on the wall is a neighbour's load: it is no reason to wait.
    assert "a full garbage collection took" not in waits.log()


def test_a_module_that_is_held_is_counted_and_still_logged(serve: Serve, truth: Truth) -> None:
    server = serve(bokeh_serve("held_module.py", env={**ASKED, **truth.env}))
    with server.open_tab("/held_module"):
        until(server, lambda s: s.value("bokeh_app_modules") == 1, "one module")
    name = "bokeh_module_referrer_warnings_total"
    seen = until(
        server, lambda s: s.value(name, app="/held_module") == 1 and s.value("bokeh_app_modules") == 0, "one complaint"
    )
    assert seen.total(name) == 1
    server.wait_log("has extra unexpected referrers")


if line_ships("bokeh-fastapi"):

    def test_sessions_of_bokeh_fastapi(serve: Serve, truth: Truth) -> None:
        server = serve(uvicorn("fastapi_kept:app", env={**ASKED, **truth.env, "BOKEH_EXPORTER_GRACE": "0.05"}))
        for path in ("/document", "/plot"):
            assert server.get(path).status == 200
        until(server, lambda s: s.total("bokeh_sessions_destroyed_total", reason="expired") == 2, "expired")
        seen = collected(server, lambda s: left(s, "/document")["retained"][0] == 1, "retained")
        assert left(seen, "/plot")["retained"][0] == 0
        assert seen.total("bokeh_models_uncollected", state="retained") == truth.ask()["models"]


if line_ships("bokeh-django"):

    def test_sessions_of_bokeh_django(serve: Serve) -> None:
        server = serve(uvicorn("django_site.asgi:application", env={**ASKED, "BOKEH_EXPORTER_GRACE": "0.05"}))
        visit(server, ["/good"], 3)
        until(server, lambda s: s.total("bokeh_sessions_destroyed_total", reason="requested") == 3, "destroyed")
        # Its destroyed sessions stay in _sessions for ever, and each has a context that keeps the Document.
        seen = collected(server, lambda s: left(s, "/good")["pending"] == (0, 0), "judged")
        assert left(seen, "/good")["retained"] == (3, 0)


def test_a_collection_is_run_though_the_loop_is_blocked(serve: Serve, tmp_path: Path) -> None:
    release = tmp_path / "release"
    server = serve(bokeh_serve("blocked_bokeh.py", env={**ASKED, "RELEASE": str(release)}))
    with server.open_tab("/blocked_bokeh") as tab:
        tab.click("go", wait=False)
        server.wait_log("blocked: async callback")
        server.scrape()  # the first builds each line, and Python may collect by itself meanwhile
        before = server.scrape().total("bokeh_python_gc_pause_seconds_count", generation="2")
        assert collect(server)["pause_seconds"] > 0
        assert server.scrape().total("bokeh_python_gc_pause_seconds_count", generation="2") == before + 1
        release.touch()
        wait_until(lambda: server.get("/blocked_bokeh").status == 200)
        # The loop did not do it again when it was free.
        assert server.scrape().total("bokeh_python_gc_pause_seconds_count", generation="2") == before + 1
