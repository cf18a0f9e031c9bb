"""Server-sent events over real sockets: who gets them, how many may read, and who does not read."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from bokeh_exporter.expose.http import Answer, Endpoint, Request
from bokeh_exporter.expose.live.feed import READERS, Feed
from bokeh_exporter.expose.streams import UNTAKEN
from bokeh_exporter.state import State

from ...support.waiting import wait_until
from ...support.web import get

LOCAL = "127.0.0.1"
TOKEN = "a-token"


def interaction(number: int, app: str = "/a", quiet: bool = False, more: str = "") -> dict[str, Any]:
    return {"number": number, "app": app, "quiet": quiet, "more": more}


class Reader:
    """Reads events as a browser does."""

    def __init__(self, endpoint: Endpoint, query: str = "") -> None:
        self._connection = http.client.HTTPConnection(LOCAL, endpoint.port, timeout=20)
        self._connection.request("GET", f"/api/v1/events{query}", headers={"Authorization": f"Bearer {TOKEN}"})
        self.response = self._connection.getresponse()

    def next(self) -> dict[str, Any]:
        while True:
            line = self.response.readline()
            assert line, "the stream has ended"
            if line.startswith(b"data: "):
                found: dict[str, Any] = json.loads(line[6:])
                return found

    def close(self) -> None:
        self.response.close()
        self._connection.close()


@pytest.fixture
def feed() -> Feed:
    state = State()
    state.elements.on = True
    return Feed(state, quiet=False)


@pytest.fixture
def endpoint(feed: Feed) -> Iterator[Endpoint]:
    errors: list[BaseException] = []
    routes = {
        ("GET", "/api/v1/events"): feed.answer,
        ("GET", "/other"): lambda request: Answer(200, b"here", "text/plain"),
    }
    endpoint = Endpoint(routes, open_paths=frozenset({"/other"}), token=TOKEN, on_error=errors.append)
    endpoint.start(LOCAL, (0,))
    yield endpoint
    endpoint.close()
    assert errors == []


def test_each_reader_gets_what_it_asked_for(feed: Feed, endpoint: Endpoint) -> None:
    everything, one_app, quiet = Reader(endpoint), Reader(endpoint, "?app=/b"), Reader(endpoint, "?quiet=1")
    assert everything.response.getheader("Content-Type", "").startswith("text/event-stream")
    for content in (interaction(1), interaction(2, quiet=True), interaction(3, app="/b")):
        feed.publish(content)
    assert [everything.next()["number"] for _ in range(2)] == [1, 3]
    assert one_app.next()["number"] == 3
    assert [quiet.next()["number"] for _ in range(3)] == [1, 2, 3]
    for reader in (everything, one_app, quiet):
        reader.close()
    wait_until(lambda: not feed.heard, message="those who have gone are forgotten")


def test_the_token_is_wanted(endpoint: Endpoint) -> None:
    assert get(f"{endpoint.url}/api/v1/events").status == 401


def test_places_are_bounded_and_others_are_answered_meanwhile(feed: Feed, endpoint: Endpoint) -> None:
    with contextlib.ExitStack() as stack:
        readers = [Reader(endpoint) for _ in range(READERS)]
        for reader in readers:
            stack.callback(reader.close)
        refused = Reader(endpoint)
        stack.callback(refused.close)
        assert (refused.response.status, refused.response.getheader("Retry-After")) == (503, "5")
        assert get(f"{endpoint.url}/other").text == "here"


def test_who_does_not_read_is_dropped_and_others_go_on(feed: Feed, endpoint: Endpoint) -> None:
    lazy = socket.create_connection((LOCAL, endpoint.port))
    lazy.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: {LOCAL}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
    wait_until(lambda: feed.heard)
    for number in range(200):
        feed.publish(interaction(number, more="x" * (UNTAKEN // 8)))
    wait_until(lambda: not feed.heard, message="the reader that does not read is dropped")
    lazy.close()
    reader = Reader(endpoint)
    feed.publish(interaction(7))
    assert reader.next()["number"] == 7
    reader.close()


def test_below_the_level_element_it_says_why_there_are_none(endpoint: Endpoint) -> None:
    feed = Feed(State(), quiet=False)
    found = feed.answer(Request("GET", "/api/v1/events", {}, {}))
    assert isinstance(found, Answer)
    assert (found.status, b"collect=element" in found.body) == (409, True)
