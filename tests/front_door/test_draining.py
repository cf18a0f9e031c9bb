"""Draining and recycling: nobody is cut off before the deadline, and the server then ends the host's own way."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil
import pytest

from ..support.servers import ServerProcess, bokeh_serve, panel_serve, uvicorn
from ..support.tabs import open_tab, token_of
from ..support.versions import HAS_ASGI
from ..support.waiting import wait_until
from ..support.web import Response, get

Serve = Callable[[ServerProcess], ServerProcess]

LONG_MS = 60_000
HOSTS = ["bokeh", "panel", *(["panel-asgi", "uvicorn"] if HAS_ASGI else [])]


def server_of(host: str, **env: str) -> ServerProcess:
    if host == "bokeh":
        return bokeh_serve("slider_bokeh.py", env=env, lifetime_ms=LONG_MS)
    if host == "uvicorn":
        return uvicorn("asgi_bokeh:app", env=env)
    more = ("--server", "asgi") if host == "panel-asgi" else ()
    return panel_serve("slider_panel.py", *more, env=env, lifetime_ms=LONG_MS)


def path_of(host: str) -> str:
    return {"bokeh": "/slider_bokeh", "uvicorn": "/slider"}.get(host, "/slider_panel")


def readiness(server: ServerProcess) -> Response:
    return get(f"{server.exporter_url}/readyz")


def wait_draining(server: ServerProcess, left: int) -> Response:
    def refused() -> Response | None:
        answer = readiness(server)
        return answer if answer.status == 503 and f" {left} session" in answer.text else None

    return wait_until(refused, 20, "readiness turns false")


@pytest.mark.parametrize("host", HOSTS)
def test_sigterm_with_a_deadline_waits_for_who_is_there(serve: Serve, host: str) -> None:
    server = serve(server_of(host, BOKEH_EXPORTER_DRAIN_SECONDS="60"))
    tab = server.open_tab(path_of(host))
    assert readiness(server).status == 200
    server.terminate()
    assert "SIGTERM came" in wait_draining(server, 1).text
    scraped = server.scrape()
    assert scraped.value("bokeh_server_draining") == 1
    assert scraped.value("bokeh_server_drains_total", reason="sigterm") == 1
    assert get(f"{server.exporter_url}/healthz").status == 200
    tab.request("PULL-DOC-REQ", {})
    assert tab.open

    tab.close()
    server.wait_log("drained after .* no session is left; the server ends now")
    assert server.wait_exit() in (0, -15)


@pytest.mark.parametrize("host", HOSTS)
def test_the_deadline_ends_it(serve: Serve, host: str) -> None:
    server = serve(server_of(host, BOKEH_EXPORTER_DRAIN_SECONDS="2"))
    tab = server.open_tab(path_of(host))
    begun = time.monotonic()
    server.terminate()
    tab.wait_closed()
    assert time.monotonic() - begun >= 2
    assert server.wait_exit() in (0, -15)
    assert "1 session cut off at the deadline" in server.log()


def test_a_second_sigterm_is_not_held_back(serve: Serve) -> None:
    server = serve(server_of("bokeh", BOKEH_EXPORTER_DRAIN_SECONDS="60"))
    server.open_tab(path_of("bokeh"))
    server.terminate()
    wait_draining(server, 1)
    server.terminate()
    assert server.wait_exit() == 0
    assert "drained after" not in server.log()


def test_a_page_that_is_loading_gets_its_session(serve: Serve) -> None:
    server = serve(server_of("panel", BOKEH_EXPORTER_DRAIN="1"))
    page = server.get(path_of("panel"))
    answer = get(f"{server.exporter_url}/debug/drain", method="POST", data=b"")
    assert answer.status == 202
    assert "300 s" in answer.text
    wait_draining(server, 1)
    tab = open_tab(server.url, path_of("panel"), token=token_of(page.body))
    tab.request("PULL-DOC-REQ", {})
    tab.close()
    assert server.wait_exit() == 0
    assert "drained after" in server.log()


def test_the_endpoint_has_a_switch_of_its_own(serve: Serve) -> None:
    server = serve(server_of("bokeh", BOKEH_EXPORTER_DEBUG="1"))
    assert get(f"{server.exporter_url}/debug/drain", method="POST", data=b"").status == 404


def test_memory_over_the_share_recycles(serve: Serve) -> None:
    server = serve(server_of("bokeh", BOKEH_EXPORTER_RECYCLE_AT="0.0001", BOKEH_EXPORTER_SAMPLE_PERIOD="0.1"))
    assert server.wait_exit() == 0
    assert "draining, since memory is over the configured share of the limit" in server.log()


def test_a_worker_of_several_drains_for_itself(serve: Serve) -> None:
    server = serve(panel_serve("slider_panel.py", "--num-procs", "2", env={"BOKEH_EXPORTER_DRAIN_SECONDS": "20"}))
    server.exporter_urls(2)
    one, other = psutil.Process(server.pid).children()
    one.terminate()
    server.wait_log("drained after .* no session is left")
    assert other.is_running()
