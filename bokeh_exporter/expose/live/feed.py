"""``/api/v1/events``: interactions as they end, as server-sent events, to readers that are few and bounded.

Each has a place of its own, of so many; who finds none is answered 503. While nobody reads, nothing is made of
an interaction.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from ...state import State
from ..http_messages import Answer, Request
from ..streams import Outlet, Stream

#: Readers at once: some browsers' tabs and terminals.
READERS = 20
#: Seconds between two signs of life: proxies close what is silent, and who has gone is found only by writing.
_ALIVE = 10.0
_EVENT = "text/event-stream; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"


class Feed:
    """The interactions that have ended, as server-sent events."""

    def __init__(self, state: State, quiet: bool) -> None:
        self._state, self._quiet = state, quiet
        self._guard = threading.Lock()
        #: Reader -> whether it wants an interaction.
        self._readers: dict[Outlet, Callable[[Mapping[str, Any]], bool]] = {}
        self._alive = monotonic()

    @property
    def heard(self) -> bool:
        """Whether somebody reads."""
        return bool(self._readers)

    def publish(self, content: Mapping[str, Any]) -> None:
        """Send an interaction to who wants it. From any thread."""
        event: bytes | None = None
        for outlet, wants in list(self._readers.items()):
            if wants(content):
                event = event or _event("interaction", content, content["number"])
                outlet.send(event)

    def look(self) -> None:
        """Give a sign of life now and then. Called a few times a second."""
        if self._readers and monotonic() - self._alive >= _ALIVE:
            self._alive = monotonic()
            for outlet in list(self._readers):
                outlet.send(b": alive\n\n")

    def answer(self, request: Request) -> Answer | Stream:
        """Answer with what ends from now on, after the last ``recent=`` of them.

        ``app=`` restricts it to an app, ``quiet=1`` adds those in which nothing of the user's ran.
        """
        if not self._state.elements.on:
            return Answer(409, b"there are events from collect=element on\n", _TEXT)
        app, recent = request.query.get("app", [""])[0], request.query.get("recent", ["0"])[0]
        quiet = self._quiet or request.query.get("quiet", ["0"])[0] == "1"
        if not recent.isdecimal():
            return Answer(400, b"recent: must be a number\n", _TEXT)
        if len(self._readers) >= READERS:
            return Answer(503, b"too many read events already\n", _TEXT, {"Retry-After": "5"})

        def wants(content: Mapping[str, Any]) -> bool:
            return (quiet or not content["quiet"]) and (not app or content["app"] == app)

        def start(outlet: Outlet) -> None:
            outlet.on_close = lambda: self._forget(outlet)
            with self._guard:
                self._readers[outlet] = wants
            outlet.send(b"retry: 2000\n\n")
            past = [one for one in self._state.elements.recent(quiet=quiet) if one["finished"] and wants(one)]
            for content in reversed(past[: int(recent[:4])]):
                outlet.send(_event("interaction", content, content["number"]))

        return Stream(_EVENT, start)

    def _forget(self, outlet: Outlet) -> None:
        with self._guard:
            self._readers.pop(outlet, None)

    def after_fork(self) -> None:
        """In a forked child: the readers are the parent's."""
        self._guard = threading.Lock()
        self._readers.clear()


def _event(kind: str, content: Mapping[str, Any], number: int) -> bytes:
    # JSON has no line breaks, which would end the event.
    return f"event: {kind}\nid: {number}\ndata: {json.dumps(content, separators=(',', ':'))}\n\n".encode()
