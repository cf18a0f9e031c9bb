"""What clients of the endpoint may take, and what each of its connections takes now.

The server closes the longest silent one where all places are taken, and the slowest reader where too much is unsent,
so each connection says since when it does what it does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from tornado.http1connection import HTTP1ServerConnection


@dataclass(frozen=True)
class Limits:
    """What clients may take. ``idle`` seconds bound each of: handshake and headers, the wait for the next request,
    and taking an answer. Sizes are in bytes; connections beyond the limit are closed unanswered.
    """

    idle: float = 15.0
    body: float = 5.0
    header_size: int = 16 * 1024
    body_size: int = 64 * 1024
    connections: int = 300
    #: Bytes of answers that are under way and not shared by all, in all; one larger answer is let through alone.
    unsent: int = 32 * 1024 * 1024


class Place:
    """One connection: since when it waits for a request, has its answer made, or does not take it."""

    def __init__(
        self, address: str, connection: HTTP1ServerConnection, idle: float,
        make_room: Callable[[int, Place], None],
    ) -> None:  # fmt: skip
        self.address, self.connection, self._idle, self._make_room = address, connection, idle, make_room
        self.phase, self.since, self.unsent = "waiting", time.monotonic(), 0
        self._late: asyncio.TimerHandle | None = None

    def _enter(self, phase: str, unsent: int = 0) -> None:
        self.phase, self.since, self.unsent = phase, time.monotonic(), unsent
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def waiting(self) -> None:
        """Begin to wait for the next request: the last answer has been taken."""
        self._enter("waiting")

    def busy(self) -> None:
        """Begin to make an answer in a thread."""
        self._enter("busy")

    def sending(self, size: int) -> None:
        """Begin to send an answer, within the time for that; tornado would wait for ever."""
        self._make_room(size, self)
        self._enter("sending", size)
        self._late = asyncio.get_running_loop().call_later(self._idle, self.close)

    def streaming(self, unsent: int) -> None:
        """Go on with an answer that has no end; it is no place that others can be given."""
        if self.phase != "streaming":
            self._enter("streaming")
        self.unsent = unsent

    def gone(self) -> None:
        """Give back what the connection had."""
        self._enter("gone")

    def close(self) -> None:
        """Close the connection, whatever it does."""
        self._enter("gone")
        self.connection.stream.close()
