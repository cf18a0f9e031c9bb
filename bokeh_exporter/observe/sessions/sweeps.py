"""The sweep that discards unused sessions, and the servers whose sweep it is.

The sweep is one coroutine per server that does not overlap with itself, so a session-destroyed hook
that hangs stops it for good: then the time of its last completion no longer changes. The configured
lifetime and interval come from the same objects.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterable
from typing import Any, ClassVar

from ...state import Level
from ..frame import Frame, Observer
from ..hosts import Leave
from ..hosts.bokeh_documents import collects_when_destroyed
from ..hosts.bokeh_server import check_interval, keep_alive, rebind_sweep, servers, unused_lifetime
from ..hosts.bokeh_sessions import connection_count, document_of, left_at, sessions_of


class Sweeps(Observer):
    """Duration and last completion of the sweep; lifetime and interval as configured."""

    name: ClassVar[str] = "sweeps"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._servers: weakref.WeakKeyDictionary[Any, float] = weakref.WeakKeyDictionary()
        self._adopted = False
        #: Sessions that were to go when the last sweep began, and those of them that Bokeh collects all garbage after.
        self.leaving = (0, 0)

    def start(self) -> None:
        """Subscribe to servers that are made, and to their sweeps."""
        self.on.after("server_made", self._made)
        self.on.around("sweeping", self._sweeping)

    def refresh(self) -> None:
        """Adopt the servers that exist, once the hooks are in: a running job gets the wrapped sweep."""
        if not self._adopted:
            self._adopted = True
            for server in servers():
                self._servers[server] = time.time()
                rebind_sweep(server)

    def stop(self) -> None:
        """Give running jobs the sweep without our wrapper, which would hold the exporter."""
        for server in list(self._servers):
            rebind_sweep(server)

    def _made(self, server: Any) -> None:
        self._servers[server] = time.time()

    def _sweeping(self, server: Any) -> Leave:
        start = time.perf_counter()
        self.leaving = self._expired(unused_lifetime(server))

        def leave(result: object, error: BaseException | None) -> None:
            if error is None:
                self.state.histogram("bokeh_session_cleanup_duration_seconds").observe(time.perf_counter() - start)
                self._servers[server] = time.time()

        return leave

    def _expired(self, lifetime: float) -> tuple[int, int]:
        left = time.monotonic() - lifetime
        gone = [
            session
            for context, _ in self.apps.alive()
            for session in sessions_of(context)
            if not connection_count(session) and left_at(session) < left
        ]
        return len(gone), sum(collects_when_destroyed(document_of(session)) for session in gone)

    def pings(self) -> bool:
        """Whether a server that is known pings its browsers. From any thread."""
        return any(keep_alive(server) for server in list(self._servers))

    def collect(self) -> Iterable[Level]:
        """Read the servers' settings and the times of their sweeps: plain attributes, so from any thread."""
        servers_now = list(self._servers.items())
        yield Level("bokeh_servers", len(servers_now))
        for server, completed in servers_now:
            yield Level("bokeh_session_cleanup_last_completed_timestamp_seconds", completed)
            yield Level("bokeh_server_unused_session_lifetime_seconds", unused_lifetime(server))
            yield Level("bokeh_server_session_check_interval_seconds", check_interval(server))
            lives = getattr(server, "session_token_expiration", None)  # bokeh-fastapi has none
            if lives is not None:
                yield Level("bokeh_server_session_token_lifetime_seconds", float(lives))
            pings = keep_alive(server)
            if pings is not None:
                yield Level("bokeh_server_keep_alive_interval_seconds", pings)
