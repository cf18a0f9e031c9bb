"""WebSockets: connections, messages, bytes, close codes and refusals, as a client counts them itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bokeh.util.token import generate_jwt_token, generate_session_id

from ..support.servers import ServerProcess, bokeh_serve, panel_serve, uvicorn
from ..support.tabs import Refused, Tab, open_tab
from ..support.versions import BOKEH_VERSION
from .test_sessions import LONG_MS, Serve, until

pytestmark = pytest.mark.front_door


def hosts() -> list[object]:
    """The hosts of this line of Bokeh, each with an app that has a slider ``n``."""
    found = [
        pytest.param(lambda: bokeh_serve("slider_bokeh.py", lifetime_ms=LONG_MS), "/slider_bokeh", id="bokeh"),
        pytest.param(lambda: panel_serve("slider_panel.py", lifetime_ms=LONG_MS), "/slider_panel", id="panel"),
    ]
    if BOKEH_VERSION >= (3, 10):
        found.append(pytest.param(lambda: uvicorn("asgi_bokeh:app", lifetime_ms=LONG_MS), "/slider", id="asgi"))
    return list(found)


@pytest.mark.parametrize(("build", "app"), hosts())
def test_messages_bytes_and_close_codes(serve: Serve, build: Callable[[], ServerProcess], app: str) -> None:
    server = serve(build())
    tabs: list[Tab] = [server.open_tab(app) for _ in range(3)]
    for value in range(1, 11):
        tabs[0].set("n", value=value)
    tabs[0].request("SERVER-INFO-REQ", {})

    def settled(name: str, attribute: str) -> float:
        scraped = until(
            server,
            lambda s: s.total(name, app=app) == sum(getattr(tab, attribute) for tab in tabs),
            f"{name} is what the tabs counted: {[getattr(tab, attribute) for tab in tabs]}",
        )
        return scraped.total(name, app=app)

    assert settled("bokeh_websocket_received_bytes_total", "sent_bytes") > 1000
    assert settled("bokeh_websocket_sent_bytes_total", "received_bytes") > 1000
    scraped = server.scrape()
    messages = scraped.by("bokeh_websocket_received_messages_total", "message", app=app)
    assert messages["PULL-DOC-REQ"] == 3
    assert messages["SERVER-INFO-REQ"] == 1
    assert messages["PATCH-DOC"] == 3 + 10  # document_ready of each tab, and the moves
    assert messages["PUSH-DOC"] == messages["other"] == 0
    assert scraped.value("bokeh_websocket_connections", app=app) == 3

    tabs[0].close(1000)
    tabs[1].close(1001)
    tabs[2].drop()
    closed = until(server, lambda s: s.total("bokeh_websocket_closed_total", app=app) == 3, "three closed")
    codes = closed.by("bokeh_websocket_closed_total", "code", app=app)
    assert (codes["1000"], codes["1001"]) == (1, 1)
    assert codes["1006"] == 1, codes
    until(server, lambda s: s.value("bokeh_websocket_connections", app=app) == 0, "no connection left")
    assert closed.total("bokeh_websocket_rejected_total") == 0
    assert closed.total("bokeh_exporter_errors_total") == 0


@pytest.mark.parametrize(("build", "app"), hosts())
def test_refusals(serve: Serve, build: Callable[[], ServerProcess], app: str) -> None:
    server = serve(build())
    good = generate_jwt_token(generate_session_id())
    expired = generate_jwt_token(generate_session_id(), expiration=-10)

    def refuse(**options: object) -> None:
        with pytest.raises(Refused):
            open_tab(server.url, app, **options).close()  # type: ignore[arg-type]

    refuse(token=good, origin="http://elsewhere.example")
    refuse(token=expired)
    refuse(subprotocols=["bokeh"])
    refuse(subprotocols=["bokeh", "garbage"])
    refused = until(server, lambda s: s.total("bokeh_websocket_rejected_total") == 4, "four refused", timeout=10)
    assert refused.by("bokeh_websocket_rejected_total", "reason") == {
        "origin": 1, "expired": 1, "subprotocol": 1, "token": 1, "auth": 0,
    }  # fmt: skip
    assert refused.total("bokeh_websocket_closed_total") == 0
    assert refused.total("bokeh_sessions") == 0


def test_bytes_that_a_slow_browser_does_not_take(serve: Serve) -> None:
    server = serve(bokeh_serve("flooding_bokeh.py", lifetime_ms=LONG_MS))
    tab = server.open_tab("/flooding_bokeh")
    tab.pause()
    tab.click("go", wait=False)
    until(server, lambda s: s.total("bokeh_websocket_send_buffer_bytes") > 1_000_000, "a megabyte waits")
    tab.resume()
    until(server, lambda s: s.total("bokeh_websocket_send_buffer_bytes") == 0, "all was taken")
