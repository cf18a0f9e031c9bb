"""Sessions over a real server and real websockets: what is counted is what was done."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from bokeh.util.token import generate_jwt_token, generate_session_id

from ..support.scrapes import Scrape
from ..support.servers import ServerProcess, bokeh_serve, panel_serve, python_script, uvicorn
from ..support.tabs import open_tab
from ..support.versions import BOKEH_VERSION
from ..support.waiting import wait_until
from ..support.web import get

pytestmark = pytest.mark.front_door

Serve = Callable[[ServerProcess], ServerProcess]

#: Long enough that no session expires in a test that does not want it.
LONG_MS = 60_000


def until(server: ServerProcess, condition: Callable[[Scrape], bool], message: str, timeout: float = 20) -> Scrape:
    """Scrape until the condition holds, and return that scrape."""

    def met() -> Scrape | None:
        scraped = server.scrape()
        return scraped if condition(scraped) else None

    return wait_until(met, timeout, message)


def states(scraped: Scrape, app: str) -> dict[str, float]:
    return scraped.by("bokeh_sessions", "state", app=app)


@pytest.mark.parametrize("build", [bokeh_serve, panel_serve])
def test_sessions_from_open_to_destroyed(serve: Serve, build: Callable[..., ServerProcess]) -> None:
    name = "slider_bokeh" if build is bokeh_serve else "slider_panel"
    server = serve(build(f"{name}.py"))
    app = f"/{name}"

    at_rest = until(server, lambda s: states(s, app) != {}, "the app is known before its first session")
    assert states(at_rest, app) == {"connected": 0, "unused": 0, "blocked": 0, "pending": 0}
    assert at_rest.total("bokeh_sessions_created_total", app=app) == 0
    assert at_rest.by("bokeh_sessions_destroyed_total", "reason", app=app) == {
        "expired": 0, "requested": 0, "shutdown": 0,
    }  # fmt: skip

    opened = time.monotonic()
    tabs = [server.open_tab(app) for _ in range(3)]
    live = until(server, lambda s: states(s, app)["connected"] == 3, "three connected")
    assert states(live, app) == {"connected": 3, "unused": 0, "blocked": 0, "pending": 0}
    assert live.value("bokeh_sessions_created_total", app=app) == 3
    assert live.value("bokeh_session_create_duration_seconds_count", app=app) == 3
    assert live.value("bokeh_websocket_connections", app=app) == 3
    assert live.total("bokeh_session_create_errors_total") == 0
    models = live.value("bokeh_document_models", app=app)
    largest = live.value("bokeh_document_models_max", app=app)
    assert models is not None
    assert largest is not None
    assert models == 3 * largest
    # What newer Bokeh adds to every document for its own use is sent, and attached to no document.
    assert 4 <= largest <= len(tabs[0].models)

    for tab in tabs:
        tab.close()
    gone = until(
        server,
        lambda s: s.total("bokeh_session_destroy_duration_seconds_count") == 3 and s.total("bokeh_sessions") == 0,
        "three destroyed, and a sample taken since",
    )
    assert gone.total("bokeh_sessions_destroyed_total", app=app) == 3
    lived = time.monotonic() - opened
    assert gone.by("bokeh_sessions_destroyed_total", "reason", app=app)["expired"] == 3
    assert gone.value("bokeh_session_duration_seconds_count", app=app) == 3
    duration = gone.value("bokeh_session_duration_seconds_sum", app=app)
    assert duration is not None
    assert 3 * 0.5 < duration <= 3 * lived
    assert gone.value("bokeh_session_linger_duration_seconds_count", app=app) == 3
    linger = gone.value("bokeh_session_linger_duration_seconds_sum", app=app)
    assert linger is not None
    assert 3 * 0.5 <= linger < duration
    assert gone.value("bokeh_sessions_never_connected_total", app=app) == 0
    assert gone.value("bokeh_document_models", app=app) == 0
    cleanups = gone.value("bokeh_session_cleanup_duration_seconds_count")
    assert cleanups is not None
    assert cleanups > 0
    assert gone.value("bokeh_server_unused_session_lifetime_seconds") == 0.5
    assert gone.value("bokeh_server_session_check_interval_seconds") == 0.2
    assert gone.total("bokeh_exporter_errors_total") == 0


def test_pages_that_nobody_connects_to(serve: Serve) -> None:
    server = serve(bokeh_serve("slider_bokeh.py"))
    for _ in range(5):
        assert server.get("/slider_bokeh").status == 200
    gone = until(server, lambda s: s.total("bokeh_sessions_destroyed_total") == 5, "five destroyed")
    assert gone.value("bokeh_sessions_never_connected_total", app="/slider_bokeh") == 5
    assert gone.value("bokeh_session_linger_duration_seconds_count", app="/slider_bokeh") == 0
    assert gone.value("bokeh_sessions_created_total", app="/slider_bokeh") == 5


def test_age_of_an_unused_session_grows_and_falls(serve: Serve) -> None:
    server = serve(bokeh_serve("slider_bokeh.py", lifetime_ms=LONG_MS))
    with server.open_tab("/slider_bokeh"):
        connected = until(server, lambda s: states(s, "/slider_bokeh")["connected"] == 1, "connected")
        assert connected.value("bokeh_session_unused_age_max_seconds", app="/slider_bokeh") == 0
    aged = until(
        server, lambda s: s.total("bokeh_session_unused_age_max_seconds", app="/slider_bokeh") > 1, "older than a sec."
    )
    assert states(aged, "/slider_bokeh") == {"connected": 0, "unused": 1, "blocked": 0, "pending": 0}


def test_a_session_whose_lock_is_never_released(serve: Serve) -> None:
    server = serve(bokeh_serve("locked_bokeh.py"))
    tab = server.open_tab("/locked_bokeh")
    tab.click("go")
    tab.close()
    blocked = until(server, lambda s: states(s, "/locked_bokeh")["blocked"] == 1, "blocked")
    assert blocked.total("bokeh_sessions_destroyed_total") == 0
    until(
        server,
        lambda s: s.total("bokeh_session_expiration_blocked_age_max_seconds", app="/locked_bokeh") > 1.5,
        "blocked for over three lifetimes",
    )
    assert states(server.scrape(), "/locked_bokeh")["blocked"] == 1


def test_a_zombie_leaves_the_states_and_counts_once(serve: Serve) -> None:
    server = serve(bokeh_serve("zombie.py"))
    server.open_tab("/zombie").close()
    gone = until(server, lambda s: s.total("bokeh_sessions_destroyed_total") == 1, "destroyed")
    sweeps = gone.total("bokeh_session_cleanup_duration_seconds_count")
    later = until(
        server,
        lambda s: (
            s.total("bokeh_session_cleanup_duration_seconds_count") >= sweeps + 5 and s.total("bokeh_sessions") == 0
        ),
        "the sweep came back, and the zombie is in no state",
    )
    assert later.total("bokeh_sessions_destroyed_total") == 1
    assert later.value("bokeh_session_unused_age_max_seconds", app="/zombie") == 0
    assert later.total("bokeh_exporter_errors_total") == 0


def test_a_sweep_that_hangs_stands_still(serve: Serve) -> None:
    server = serve(python_script("hanging_hooks.py"))
    server.open_tab("/good", "hook=hang-destroyed").close()
    until(server, lambda s: s.total("bokeh_sessions_destroyed_total") == 1, "the hook is running")
    before = server.scrape()
    # The loop runs on: its ticks and samples come, only the sweep does not.
    after = until(
        server,
        lambda s: (
            s.total("bokeh_event_loop_last_tick_timestamp_seconds")
            > before.total("bokeh_event_loop_last_tick_timestamp_seconds") + 2
        ),
        "two more seconds of a loop that ticks",
    )
    name = "bokeh_session_cleanup_last_completed_timestamp_seconds"
    assert after.value(name) == before.value(name)
    assert after.total(name) > 0
    assert after.total("bokeh_exporter_last_sample_timestamp_seconds") > after.total(name) + 1.5


def test_a_session_that_asks_to_expire(serve: Serve) -> None:
    server = serve(bokeh_serve("expiring_bokeh.py", lifetime_ms=LONG_MS))
    tab = server.open_tab("/expiring_bokeh")
    tab.click("go")
    tab.close()
    gone = until(server, lambda s: s.total("bokeh_sessions_destroyed_total") == 1, "destroyed on request")
    assert gone.by("bokeh_sessions_destroyed_total", "reason")["requested"] == 1


# --- creations that fail ---------------------------------------------------------------------------


def failed(server: ServerProcess, app: str, step: str, count: int = 1) -> Scrape:
    scraped = until(
        server,
        lambda s: s.value("bokeh_session_create_errors_total", app=app, step=step) == count,
        f"{count} failed in step {step}",
    )
    assert scraped.total("bokeh_session_create_errors_total", app=app) == count
    assert scraped.value("bokeh_sessions_created_total", app=app) == count
    assert scraped.total("bokeh_exporter_errors_total") == 0
    return scraped


def test_a_function_that_raises(serve: Serve) -> None:
    server = serve(python_script("server_functions.py", lifetime_ms=LONG_MS))
    session = generate_session_id()
    status = server.get(f"/raising?bokeh-session-id={session}").status
    assert status == 500
    scraped = failed(server, "/raising", "script")
    # Up to Bokeh 3.9 the id stays among the pending ones for ever; 3.10 forgets it.
    pending = 0 if BOKEH_VERSION >= (3, 10) else 1
    until(server, lambda s: states(s, "/raising")["pending"] == pending, f"{pending} pending")
    assert states(scraped, "/raising")["unused"] == 0
    assert scraped.total("bokeh_session_create_errors_total", app="/good") == 0


def test_a_script_that_raises_answers_200_and_is_counted_each_time(serve: Serve) -> None:
    server = serve(bokeh_serve("raising_bokeh.py", lifetime_ms=LONG_MS))
    for _ in range(3):
        assert server.get("/raising_bokeh").status == 200
    failed(server, "/raising_bokeh", "script", 3)


def test_under_panel_a_function_that_raises_shows_its_traceback_and_is_counted(serve: Serve) -> None:
    server = serve(python_script("serve_functions.py", lifetime_ms=LONG_MS))
    assert server.get("/raising").status == (200 if BOKEH_VERSION >= (3, 9) else 500)
    assert server.get("/good").status == 200
    scraped = failed(server, "/raising", "script")
    assert scraped.total("bokeh_session_create_errors_total", app="/good") == 0


def test_under_panel_a_script_that_raises(serve: Serve) -> None:
    server = serve(panel_serve("raising_panel.py", lifetime_ms=LONG_MS))
    server.get("/raising_panel")
    failed(server, "/raising_panel", "script")


def test_under_panel_with_autoreload_a_script_that_raises(serve: Serve) -> None:
    server = serve(panel_serve("raising_panel.py", "--autoreload", lifetime_ms=LONG_MS))
    server.get("/raising_panel")
    failed(server, "/raising_panel", "script")


def test_a_session_created_hook_that_raises(serve: Serve) -> None:
    server = serve(python_script("raising_hook.py", lifetime_ms=LONG_MS))
    assert server.get("/app").status == 200
    failed(server, "/app", "hook")
    until(server, lambda s: states(s, "/app")["unused"] == 1, "Bokeh logs the failure and goes on")


@pytest.mark.parametrize(
    "token", ["garbage", generate_jwt_token(generate_session_id(), expiration=300) + "x"], ids=["garbage", "unsigned"]
)
def test_a_page_with_a_token_that_cannot_be_read(serve: Serve, token: str) -> None:
    server = serve(bokeh_serve("slider_bokeh.py", env={"BOKEH_SECRET_KEY": "k" * 32, "BOKEH_SIGN_SESSIONS": "yes"}))
    assert server.get(f"/slider_bokeh?bokeh-token={token}").status in (403, 500)
    failed(server, "/slider_bokeh", "token")


if BOKEH_VERSION >= (3, 10):

    def test_on_asgi_sessions_live_fail_and_end_with_the_server(serve: Serve) -> None:
        server = serve(uvicorn("asgi_bokeh:app", lifetime_ms=LONG_MS))
        with server.open_tab("/slider"):
            until(server, lambda s: states(s, "/slider")["connected"] == 1, "connected")
        assert get(f"{server.url}/raising").status == 500
        until(server, lambda s: s.value("bokeh_session_create_errors_total", app="/raising", step="script") == 1, "1")
        server.get("/good")
        until(server, lambda s: states(s, "/good")["unused"] == 1, "unused")

    def test_on_asgi_a_session_that_expires(serve: Serve) -> None:
        server = serve(uvicorn("asgi_bokeh:app"))
        server.open_tab("/good").close()
        gone = until(server, lambda s: s.total("bokeh_sessions_destroyed_total") == 1, "destroyed")
        assert gone.by("bokeh_sessions_destroyed_total", "reason", app="/good")["expired"] == 1
        assert gone.total("bokeh_session_cleanup_duration_seconds_count") > 0

    def test_on_asgi_the_host_destroys_sessions_when_it_stops(serve: Serve) -> None:
        server = serve(python_script("asgi_shutdown.py", lifetime_ms=LONG_MS, wait=False))
        server.wait_exit()
        assert "shutdown 1.0" in server.log()


def test_two_tabs_of_one_session_are_one_session(serve: Serve) -> None:
    server = serve(bokeh_serve("slider_bokeh.py", lifetime_ms=LONG_MS))
    session = generate_session_id()
    token = generate_jwt_token(session)
    with open_tab(server.url, "/slider_bokeh", token=token), open_tab(server.url, "/slider_bokeh", token=token):
        live = until(server, lambda s: s.total("bokeh_websocket_connections") == 2, "two connections")
        assert states(live, "/slider_bokeh")["connected"] == 1
        assert live.total("bokeh_sessions_created_total") == 1
