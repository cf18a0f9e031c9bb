"""WebSockets that are not what the server takes them for: silent, cut, refused for a login, on the wrong process."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from bokeh.client import pull_session
from bokeh.util.token import generate_jwt_token, generate_session_id
from tornado.websocket import WebSocketClosedError

from ..support.servers import ServerProcess, bokeh_serve, uvicorn
from ..support.tabs import Refused, ServerError, token_of
from ..support.versions import HAS_ASGI
from ..support.waiting import wait_until
from ..support.web import get
from .test_sessions import LONG_MS, Serve, until

pytestmark = pytest.mark.front_door

APP = "/slider_bokeh"
USER = {"Cookie": "user=somebody"}
SILENT = "bokeh_websocket_silent_age_max_seconds"
BY_WEBSOCKET = "bokeh_sessions_created_by_websocket_total"

#: As few bytes as Bokeh's own messages fit into.
LARGEST = 100_000


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    """A server with a login, quick pings, a small limit for messages and a quick verdict."""
    built = bokeh_serve(
        "slider_bokeh.py", "--auth-module", Path(__file__).parents[1] / "apps" / "cookie_login.py",
        "--keep-alive", "200", "--websocket-max-message-size", str(LARGEST),
        env={"BOKEH_EXPORTER_VERDICT_PERIOD": "1"},
    )  # fmt: skip
    with built as running:
        yield running


def open_silently(server: ServerProcess) -> socket.socket:
    """Open a websocket as a browser does, and neither read nor answer from then on."""
    token = token_of(server.get(APP, headers=USER).body)
    lines = [
        f"GET {APP}/ws HTTP/1.1", f"Host: localhost:{server.ports[0]}", f"Origin: {server.url}", "Upgrade: websocket",
        "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Protocol: bokeh, {token}",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}", f"Cookie: {USER['Cookie']}", "", "",
    ]  # fmt: skip
    connection = socket.create_connection(("localhost", server.ports[0]))
    connection.sendall("\r\n".join(lines).encode())
    assert connection.recv(12) == b"HTTP/1.1 101"
    return connection


def test_a_browser_that_vanished_is_silent_and_a_verdict_says_so(server: ServerProcess) -> None:
    assert server.scrape().value(SILENT, app=APP) == 0
    with server.open_tab(APP, headers=USER):
        until(server, lambda s: s.value("bokeh_websocket_connections", app=APP) == 1, "connected")
        vanished = open_silently(server)
        until(server, lambda s: (s.value(SILENT, app=APP) or 0) > 6, "silent for longer than a dozen pings")
        assert server.scrape().by("bokeh_sessions", "state", app=APP)["connected"] == 2

        def reasons() -> list[str] | None:
            verdict = json.loads(get(f"{server.exporter_url}/api/v1/status").body)["verdict"]
            return verdict["reasons"] if verdict["name"] == "lingering_sessions" else None

        assert wait_until(reasons, 20, "lingering sessions") == ["silent"]
        vanished.close()
        # What is left is the one that answers: within the time of a few pings, and of a sample or two.
        until(server, lambda s: 0 <= (s.value(SILENT, app=APP) or 0) < 5, "nobody is silent")
        assert server.scrape().value("bokeh_websocket_connections", app=APP) == 1
    assert server.scrape().total("bokeh_exporter_errors_total") == 0


def test_a_message_that_is_too_large_is_closed_with_1009(server: ServerProcess) -> None:
    def closed() -> dict[str, float]:
        return server.scrape().by("bokeh_websocket_closed_total", "code", app=APP)

    before = closed()
    tab = server.open_tab(APP, headers=USER)
    with pytest.raises((WebSocketClosedError, ServerError)):
        tab.set("n", title="x" * 2 * LARGEST)
    after = wait_until(lambda: closed() if closed() != before else None, 20, "closed")
    assert {code: after[code] - before[code] for code in after if after[code] != before[code]} == {"1009": 1}


def test_who_is_not_logged_in_is_refused_for_that_and_is_no_request(server: ServerProcess) -> None:
    counted = server.scrape().total("http_server_request_duration_seconds_count")
    with pytest.raises(Refused):
        server.open_tab(APP, token=generate_jwt_token(generate_session_id())).close()
    with pytest.raises(Refused):
        server.open_tab(APP, token=generate_jwt_token(generate_session_id()), origin="http://elsewhere.example").close()
    refused = until(server, lambda s: s.total("bokeh_websocket_rejected_total") == 2, "two refused")
    reasons = refused.by("bokeh_websocket_rejected_total", "reason")
    assert {reason for reason, count in reasons.items() if count} == {"auth", "origin"}
    assert server.get(APP, headers=USER).status == 200
    until(
        server,
        lambda s: s.total("http_server_request_duration_seconds_count") == counted + 1,
        "the page, and no socket",
    )


def test_without_pings_nobody_knows_who_is_silent(serve: Serve) -> None:
    server = serve(bokeh_serve("slider_bokeh.py", "--keep-alive", "0"))
    with server.open_tab(APP):
        connected = until(server, lambda s: s.value("bokeh_websocket_connections", app=APP) == 1, "connected")
        assert connected.value(SILENT, app=APP) is None


@pytest.mark.filterwarnings("ignore:There is no current event loop:DeprecationWarning")  # bokeh.client asks for one
@pytest.mark.filterwarnings("ignore:make_current is deprecated:DeprecationWarning")  # and tornado 6.2 makes it so
@pytest.mark.parametrize("host", ["tornado", *(["asgi"] if HAS_ASGI else [])])
def test_sessions_that_a_websocket_makes_and_why(serve: Serve, host: str) -> None:
    app = APP if host == "tornado" else "/slider"
    # Long enough that no page's session expires before its websocket is there, on a machine that stood still.
    build, target = (bokeh_serve, "slider_bokeh.py") if host == "tornado" else (uvicorn, "asgi_bokeh:app")
    server = serve(build(target, lifetime_ms=3_000))
    with server.open_tab(app) as tab:
        token = tab.token
    until(server, lambda s: s.total("bokeh_sessions_destroyed_total", app=app) == 1, "the session has expired")
    assert server.scrape().by(BY_WEBSOCKET, "why", app=app) == {"unknown": 0, "expired": 0}
    server.open_tab(app, token=token).close()
    server.open_tab(app, token=generate_jwt_token(generate_session_id())).close()
    landed = until(server, lambda s: s.total(BY_WEBSOCKET, app=app) == 2, "two made by websockets")
    assert landed.by(BY_WEBSOCKET, "why", app=app) == {"unknown": 1, "expired": 1}
    assert landed.total("bokeh_sessions_created_total", app=app) == 3
    assert landed.total("bokeh_sessions_created_by_client_total", app=app) == 0, "browsers send an origin"
    with pull_session(url=f"{server.url}{app}") as first, pull_session(url=f"{server.url}{app}"):
        pulled = until(server, lambda s: s.total("bokeh_sessions_without_page", app=app) == 2, "in no page")
        assert pulled.total("bokeh_sessions_created_by_client_total", app=app) == 2
        page = server.get(f"{app}?bokeh-session-id={first.id}").body
        with server.open_tab(app, token=token_of(page)):
            until(server, lambda s: s.total("bokeh_sessions_without_page", app=app) == 1, "a page has joined one")
    until(server, lambda s: s.total("bokeh_sessions_without_page", app=app) == 0, "the programs are done")
    assert server.scrape().total("bokeh_exporter_errors_total") == 0


NGINX = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  upstream bokeh { server 127.0.0.1:FIRST; server 127.0.0.1:SECOND; }
  map $http_upgrade $connection_upgrade { default upgrade; "" close; }
  server {
    listen 127.0.0.1:PORT;
    location / {
      proxy_pass http://bokeh;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header Host $http_host;
    }
  }
}
"""


def test_a_proxy_without_stickiness(serve: Serve, tmp_path: Path) -> None:
    """Two real servers behind a real nginx that sends each request to the next: page and WebSocket never meet."""
    assert shutil.which("nginx"), "there is no nginx: apt-get install nginx-light"
    proxy = ServerProcess(["nginx", "-p", tmp_path, "-c", tmp_path / "nginx.conf"])
    origin = f"localhost:{proxy.ports[0]}"
    first, second = (
        serve(bokeh_serve("slider_bokeh.py", "--allow-websocket-origin", origin, lifetime_ms=LONG_MS)) for _ in range(2)
    )
    ports = {"PORT": proxy.ports[0], "FIRST": first.ports[0], "SECOND": second.ports[0]}
    text = NGINX
    for name, port in ports.items():
        text = text.replace(name, str(port))
    (tmp_path / "nginx.conf").write_text(text)
    serve(proxy)
    tabs = [proxy.open_tab(APP) for _ in range(4)]
    until(second, lambda s: s.total("bokeh_websocket_connections") == 4, "every websocket is on the second")
    scrapes = [server.scrape() for server in (first, second)]
    assert [each.by(BY_WEBSOCKET, "why", app=APP)["unknown"] for each in scrapes] == [0, 4]
    # Each visit made two, and nobody will ever come to the first ones.
    assert [each.total("bokeh_sessions_created_total") for each in scrapes] == [4, 4]
    assert [each.total("bokeh_websocket_connections") for each in scrapes] == [0, 4]
    for tab in tabs:
        tab.close()
