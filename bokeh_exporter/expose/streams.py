"""Answers that go on, as server-sent events do.

A reader that does not take what is sent is dropped once so much of it waits, since a page that sleeps must not make the
server keep events for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tornado.http1connection import HTTP1Connection

#: Bytes that may wait for one reader, beside what the system's buffers hold.
UNTAKEN = 512 * 1024


class Place(Protocol):
    """What a connection takes of the endpoint's room."""

    def streaming(self, unsent: int) -> None:
        """Say that an answer goes on, with so many bytes that wait."""


class Outlet:
    """One answer that goes on. Written to from any thread."""

    def __init__(self, connection: HTTP1Connection, loop: asyncio.AbstractEventLoop, place: Place) -> None:
        self._connection, self._loop, self._place = connection, loop, place
        self._untaken = 0
        self.closed = False
        self.on_close: Callable[[], None] = lambda: None
        connection.set_close_callback(self._gone)
        place.streaming(0)

    def send(self, data: bytes) -> None:
        """Write it, soon."""
        if not self.closed:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._write, data, context=contextvars.Context())

    def _write(self, data: bytes) -> None:
        stream = self._connection.stream
        if self.closed or stream is None or stream.closed():
            return self._gone()
        self._untaken += len(data)
        if self._untaken > UNTAKEN:
            stream.close()
            return self._gone()
        self._place.streaming(self._untaken)

        def taken(future: asyncio.Future[None]) -> None:
            self._untaken -= len(data)
            if not future.cancelled():
                future.exception()  # it has gone: the close callback says so

        self._connection.write(data).add_done_callback(taken)
        return None

    def _gone(self) -> None:
        if not self.closed:
            self.closed = True
            self.on_close()


@dataclass(frozen=True)
class Stream:
    """What a route returns that goes on: ``start`` is given where to write, and keeps it."""

    content_type: str
    start: Callable[[Outlet], None]
