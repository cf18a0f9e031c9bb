"""A request whose caller is cancelled, at every step of it, leaves no socket open."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tornado.httpclient import HTTPRequest

from bokeh_exporter.clients.requests import fetch


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("path", ["/", "/missing"])
def test_a_cancelled_request_closes_its_socket(address: str, path: str) -> None:
    async def cancelled_after(steps: int) -> None:
        request = asyncio.create_task(fetch(HTTPRequest(address + path), 1024))
        for _ in range(steps):
            await asyncio.sleep(0)
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)

    gc.freeze()  # what the tests before this one have made is not looked at thirty times
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for steps in range(30):
                asyncio.run(cancelled_after(steps))
                gc.collect()
    finally:
        gc.unfreeze()
    assert [str(each.message) for each in caught if issubclass(each.category, ResourceWarning)] == []
