"""HTTP requests: what is counted is what the test sent and what it was answered."""

from __future__ import annotations

import http.client
import re
import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from bokeh.util.token import generate_jwt_token, generate_session_id

from ..support.scrapes import Scrape
from ..support.servers import APPS, ServerProcess, bokeh_serve, panel_serve, python_script, uvicorn
from ..support.tabs import Refused, open_tab
from ..support.versions import HAS_ASGI
from ..support.waiting import wait_until
from .test_sessions import LONG_MS, Serve, until

pytestmark = pytest.mark.front_door

METRIC = "http_server_request_duration_seconds"
Answers = Counter[tuple[str, str, str]]

only_asgi = pytest.mark.skipif(not HAS_ASGI, reason="Bokeh has its ASGI host since 3.10")


class Host(NamedTuple):
    """A server, its app, and the routes that it has beside the app's."""

    build: Callable[[], ServerProcess]
    app: str
    routes: list[tuple[str, str]]
    tornado: bool


def hosts() -> list[object]:
    # Panel's own routes, in its tornado and in its ASGI host.
    extra = [
        ("/liveness", "/liveness"), ("/liveness?endpoint=/nowhere", "/liveness"), ("/components/nowhere", "/static"),
        ("/assets/slider_bokeh.py", "/static"), ("/assets/nowhere", "/static"),
    ]  # fmt: skip
    panel = ("--liveness", "--static-dirs", f"assets={APPS}")
    prefix = ("--prefix", "/pre")
    found = [
        Host(lambda: bokeh_serve("slider_bokeh.py", lifetime_ms=LONG_MS), "/slider_bokeh", [], True),
        Host(lambda: bokeh_serve("slider_bokeh.py", *prefix, lifetime_ms=LONG_MS), "/slider_bokeh", [], True),
        Host(lambda: panel_serve("slider_panel.py", *panel, lifetime_ms=LONG_MS), "/slider_panel", extra, True),
    ]
    names = ["bokeh", "prefix", "panel"]
    if HAS_ASGI:
        found += [
            Host(lambda: uvicorn("asgi_bokeh:app", lifetime_ms=LONG_MS), "/good", [("/raising", "/raising")], False),
            Host(lambda: uvicorn("asgi_requests:app", lifetime_ms=LONG_MS), "/good", extra, False),
        ]
        names += ["asgi-bokeh", "asgi-panel"]
    return [pytest.param(host, id=name) for host, name in zip(found, names, strict=True)]


def ask(server: ServerProcess, method: str, path: str) -> str:
    """Send one request, follow no redirect, and return the status."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        answer.read()
        return str(answer.status)
    finally:
        connection.close()


def counted(scraped: Scrape) -> Answers:
    found = Answers()
    for sample, value in scraped.values(f"{METRIC}_count").items():
        labels = dict(sample)
        key = (labels["http_request_method"], labels["http_route"], labels["http_response_status_code"])
        found[key] = int(value)
    return found


def until_counted(server: ServerProcess, answers: Answers) -> Scrape:
    """Wait until as many are counted as were answered: the answer is sent a moment before."""
    scraped = until(server, lambda s: s.total(f"{METRIC}_count") >= answers.total(), f"{answers.total()} counted")
    assert counted(scraped) == answers
    assert scraped.total("bokeh_exporter_errors_total") == 0
    return scraped


@pytest.mark.parametrize("host", hosts())
def test_each_request_by_method_route_and_status(serve: Serve, host: Host) -> None:
    server = serve(host.build())
    prefix = "/pre" if "--prefix" in server.command else ""
    app, answers = host.app, Answers()

    def send(method: str, path: str, route: str) -> str:
        status = ask(server, method, prefix + path)
        answers[method if method != "PROPFIND" else "_OTHER", route, status] += 1
        return status

    assert send("GET", app, app) == "200"
    assert send("GET", f"{app}?theme=dark", app) == "200"
    for method in "POST", "DELETE", "PROPFIND":
        assert send(method, app, app) == "405"
    assert send("HEAD", app, app) == ("405" if host.tornado else "200")
    assert send("GET", f"{app}/metadata", "/metadata") == "200"
    assert send("GET", f"{app}/autoload.js?bokeh-autoload-element=1", "/autoload.js") == "200"
    send("OPTIONS", f"{app}/autoload.js", "/autoload.js")
    assert send("GET", f"{app}/autoload.js", "/autoload.js") in ("400", "500")
    assert send("GET", "/static/js/bokeh.min.js", "/static") == "200"
    assert send("HEAD", "/static/js/bokeh.min.js", "/static") == "200"
    assert send("GET", f"{app}/static/js/nowhere.js", "/static") == "404"
    assert send("GET", "/static/extensions/nowhere/nowhere.js", "/static") in ("403", "404")
    for path in "/nowhere", f"{app}/nowhere", f"{app}nowhere":
        assert send("GET", path, "other") == "404"
    send("GET", "/favicon.ico", "other")
    send("GET", "/", "other")
    for path, route in host.routes:
        send("GET", path, route)
    # A request to the WebSocket that wants no upgrade; Bokeh's own ASGI host answers that it knows no such page.
    assert send("GET", f"{app}/ws", app) in ("400", "404")

    until_counted(server, answers)
    with server.open_tab(prefix + app):
        answers["GET", app, "200"] += 1  # the page, and not its WebSocket
        until_counted(server, answers)
    token = generate_jwt_token(generate_session_id())
    with pytest.raises(Refused):
        open_tab(server.url, prefix + app, token=token, origin="http://elsewhere.example").close()
    # Refused, it is no request, though tornado answers 403.
    until(server, lambda s: s.total("bokeh_websocket_rejected_total") == 1, "the refusal")
    until(server, lambda s: s.total("bokeh_websocket_connections") == 0, "the tab is closed")
    hooks = until_counted(server, answers).by("bokeh_exporter_hook_enabled", "hook")
    expected = ["BokehTornado.log_request"] if host.tornado else ["BokehASGI.__call__"]
    assert all(hooks[hook] == 1 for hook in expected)


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda: bokeh_serve("sleeping_bokeh.py", lifetime_ms=LONG_MS), id="tornado"),
        pytest.param(lambda: uvicorn("asgi_requests:app", lifetime_ms=LONG_MS), id="asgi", marks=only_asgi),
    ],
)
def test_how_long_a_page_took(serve: Serve, build: Callable[[], ServerProcess]) -> None:
    server = serve(build())
    start = time.monotonic()
    assert ask(server, "GET", "/sleeping_bokeh?seconds=1.2") == "200"
    took = time.monotonic() - start
    assert ask(server, "GET", "/static/js/bokeh.min.js") == "200"
    scraped = until_counted(server, Answers({("GET", "/sleeping_bokeh", "200"): 1, ("GET", "/static", "200"): 1}))
    page = scraped.value(f"{METRIC}_sum", http_route="/sleeping_bokeh")
    static = scraped.value(f"{METRIC}_sum", http_route="/static")
    assert page is not None
    assert static is not None
    assert 1.2 <= page <= took + 0.05
    assert 0 < static < 1
    assert scraped.value(f"{METRIC}_bucket", http_route="/sleeping_bokeh", le="1.0") == 0


def test_access_log_is_the_hosts_own(serve: Serve) -> None:
    app, script = "/logged_bokeh", "/static/js/bokeh.min.js"
    requests = [("GET", app), ("POST", app), ("GET", script), ("GET", "/last")]

    def logged(server: ServerProcess) -> list[str]:
        def lines() -> list[str] | None:
            found = re.findall(r"(\d{3} [A-Z]+ /\S* \([^)]*\)) [\d.]+ms", server.log())
            return sorted(found) if len(found) >= len(requests) else None

        for method, path in requests:
            ask(server, method, path)
        # A file that a thread has read may be logged after the next request: the answer is sent before.
        return wait_until(lines, message="a line of each request")

    with_exporter = logged(serve(bokeh_serve("logged_bokeh.py")))
    without = logged(serve(bokeh_serve("logged_bokeh.py", run=False)))
    assert len(with_exporter) == len(requests)
    assert with_exporter == without


def test_log_function_routes_of_the_user_and_uninstall(serve: Serve) -> None:
    server = serve(python_script("requests_log_function.py", lifetime_ms=LONG_MS, wait=False))
    assert server.wait_exit() == 0
    said = re.findall(r"^(?:log|counted|patched|inherits) .*$", server.log(), re.MULTILINE)
    assert said == [
        "log 200 /good", "log 418 /teapot", "counted 1.0 1.0 None", "patched True True",
        "inherits True True", "log 200 /good", "counted 1.0",
    ]  # fmt: skip


@only_asgi
def test_the_outer_app_counts_its_own_requests(serve: Serve) -> None:
    server = serve(uvicorn("asgi_fastapi:app", lifetime_ms=LONG_MS))
    assert ask(server, "GET", "/hello") == "200"
    assert ask(server, "GET", "/nowhere") == "404"
    for mount in "/bokeh", "/panel":
        assert ask(server, "GET", f"{mount}/good") == "200"
        assert ask(server, "GET", f"{mount}/nowhere") == "404"
    until_counted(server, Answers({("GET", "/good", "200"): 2, ("GET", "other", "404"): 2}))


@only_asgi
def test_hosts_that_hand_on_raise_or_are_cancelled(serve: Serve) -> None:
    server = serve(python_script("asgi_answers.py", lifetime_ms=LONG_MS, wait=False))
    assert server.wait_exit() == 0
    said = re.findall(r"^(?:passed on|counted) .*$", server.log(), re.MULTILINE)
    assert sorted(said) == [
        "counted /handed_on 200 1.0", "counted /late 200 1.0", "counted /raises 500 1.0", "counted /silent 500 1.0",
        "passed on /cancelled CancelledError", "passed on /late CancelledError", "passed on /raises ValueError",
    ]  # fmt: skip
