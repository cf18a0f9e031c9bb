"""The endpoints: metrics, health, readiness, what debugging offers, and the status page.

Each is a function from a request to an answer, run in the endpoint's own thread. What they show is
handed in, so nothing here looks at the host.
"""

from __future__ import annotations

import functools
import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..state import State
from .access import logged_in
from .fleet import FLEET, Fleet
from .http import Answer, Later, Request, Route
from .live.feed import Feed
from .live.histories import Histories
from .live.interactions import trace
from .live.sessions import Rows, sessions
from .page import files, status_page
from .prometheus import Exposition
from .runbooks import runbooks
from .status import Status

#: Seconds between two answers of a debug endpoint: each stops the app for a moment.
PAUSE = 1.0
_TEXT = "text/plain; charset=utf-8"
#: What needs no token: a kubelet has none.
OPEN_PATHS = frozenset({"/healthz", "/readyz"})


class Pages:
    """The endpoints of one exporter.

    Args:
        state: what ``/metrics`` shows.
        problems: why the server is blocked now, a reason each; empty while all is well.
        not_ready: why the server should get no traffic now, None if it should.
        stacks: writes down where threads and tasks are; None while debugging is off.
        collect: runs a full garbage collection and says what it did; None while debugging is off.
        drain: begins to drain and says so; None while that is not to be had over HTTP.
        studies: what takes its time, by path below ``/debug``; empty while debugging is off.
        status: answers ``/api/v1/status``.
        feed: answers ``/api/v1/events``.
        histories: answers ``/api/v1/apps``.
        one_by_one: reads the live sessions for ``/api/v1/sessions``; None while debugging is off.
        debug: what else is done on ``POST /debug/NAME`` and answered as JSON, by name; empty while it is off.
        fleet: answers ``/api/v1/fleet``.
    """

    def __init__(
        self,
        state: State,
        problems: Callable[[], list[str]],
        not_ready: Callable[[], str | None],
        stacks: Callable[[], str] | None = None,
        collect: Callable[[], Mapping[str, float]] | None = None,
        drain: Callable[[], str] | None = None,
        studies: Mapping[str, Study] | None = None,
        status: Status | None = None,
        debug: Mapping[str, Callable[[], Mapping[str, Any]]] | None = None,
        fleet: Fleet | None = None,
        feed: Feed | None = None,
        histories: Histories | None = None,
        one_by_one: Rows | None = None,
    ) -> None:
        self._state = state
        self._exposition = Exposition(state.registry, state.counter("bokeh_exporter_unwritable_series_total").inc)
        self._problems = problems
        self._not_ready = not_ready
        self._stacks = stacks
        self._collect = collect
        self._drain = drain
        self._studies = studies or {}
        self._status = status
        self._debug = debug or {}
        self._fleet = fleet
        self._feed = feed
        self._histories = histories
        self._one_by_one = one_by_one

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return the routes by method and path."""
        routes: dict[tuple[str, str], Route] = {
            ("GET", "/"): self.landing,
            ("GET", "/metrics"): self.metrics,
            ("GET", "/healthz"): self.healthz,
            ("GET", "/readyz"): self.readyz,
            **files(),
            **runbooks(),
        }
        if self._status is not None:
            routes["GET", "/api/v1/status"] = self._status.answer
        if self._fleet is not None:
            routes["GET", FLEET] = self._fleet.answer
        routes["GET", "/api/v1/interactions/{number}/trace"] = functools.partial(trace, self._state)
        if self._histories is not None:
            routes["GET", "/api/v1/apps"] = self._histories.answer
        if self._feed is not None:
            routes["GET", "/api/v1/events"] = self._feed.answer
        if self._one_by_one is not None:
            routes["GET", "/api/v1/sessions"] = functools.partial(sessions, self._one_by_one)
        stacks = self._stacks
        if stacks is not None:
            routes["POST", "/debug/stacks"] = sparing(lambda request: _plain(200, stacks().rstrip()))
        collect = self._collect
        if collect is not None:
            routes["POST", "/debug/collect"] = sparing(lambda request: _json(collect()))
        drain = self._drain
        if drain is not None:
            routes["POST", "/debug/drain"] = lambda request: _plain(202, drain())
        for name, study in self._studies.items():
            routes["POST", f"/debug/{name}"] = apart(sparing(studied(study)))
        for name, answer in self._debug.items():
            routes["POST", f"/debug/{name}"] = sparing(_answering(answer))
        if self._status is not None:
            self._status.offer(path.removeprefix("/debug/") for _, path in routes if path.startswith("/debug/"))
        return routes

    def metrics(self, request: Request) -> Answer:
        """Answer a scrape: text 0.0.4 or OpenMetrics by ``Accept``, restricted by ``name[]``."""
        self._state.drain()
        content_type, body = self._exposition(request.headers.get("Accept", ""), request.query.get("name[]", []))
        return Answer(200, body, content_type)

    def stall(self) -> str | None:
        """Return why the server is blocked, for how long and by what; empty if it is not."""
        return "; ".join(self._problems()) or None

    def healthz(self, request: Request) -> Answer:
        """200 while the event loop ticks and threads take up work, or before there is a loop; else 503 and why."""
        stall = self.stall()
        return _plain(200, "ok") if stall is None else _plain(503, stall)

    def readyz(self, request: Request) -> Answer:
        """200 while the server listens and its loop ticks; else 503 and why."""
        reason = self.stall() or self._not_ready()
        return _plain(200, "ready") if reason is None else _plain(503, reason)

    def landing(self, request: Request) -> Answer:
        """Show the status page."""
        health = self.stall() or self._not_ready() or "the server listens and its event loop ticks"
        verdict = self._status.verdict() if self._status is not None else {}
        return status_page(verdict, health, logged_in(request))


def _plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, f"{text}\n".encode("utf-8", "replace"), _TEXT, headers or {})


def _json(content: Mapping[str, object]) -> Answer:
    return Answer(200, f"{json.dumps(content)}\n".encode(), "application/json")


#: Looks at the process for a while: the query -> what it found, for a machine and for a person. A ``ValueError`` is
#: a query that cannot be used, a ``MemoryError`` that the process has no room for it, a ``BlockingIOError`` that one is
#: under way elsewhere; each says so in one line.
Study = Callable[[Mapping[str, list[str]]], tuple[Mapping[str, object], str]]
_STATUS: Mapping[type[Exception], int] = {ValueError: 400, MemoryError: 503, BlockingIOError: 409}


def studied(study: Study) -> Callable[[Request], Answer]:
    """Return a route that answers with what a study found: JSON, or text where ``Accept`` prefers that."""

    def route(request: Request) -> Answer:
        try:
            content, text = study(request.query)
        except tuple(_STATUS) as refusal:
            return _plain(next(status for kind, status in _STATUS.items() if isinstance(refusal, kind)), str(refusal))
        if request.headers.get("Accept", "").startswith("text/plain"):
            return _plain(200, text)
        return Answer(200, f"{json.dumps(content)}\n".encode(), "application/json")

    return route


def apart(route: Callable[[Request], Answer]) -> Route:
    """Return the route, answered in a thread of its own."""
    return lambda request: Later(lambda: route(request))


def _answering(work: Callable[[], Mapping[str, Any]]) -> Callable[[Request], Answer]:
    return lambda request: _json(work())


def sparing(route: Callable[[Request], Answer], pause: float = PAUSE) -> Callable[[Request], Answer]:
    """Return the route, answered by one at a time (else 409) and not twice within the pause (else 429)."""
    busy = threading.Lock()
    again = time.monotonic()

    def spared(request: Request) -> Answer:
        nonlocal again
        if not busy.acquire(blocking=False):
            return _plain(409, "another request of this kind is running")
        try:
            wait = again - time.monotonic()
            if wait > 0:
                return _plain(429, "too soon after the last one", {"Retry-After": str(math.ceil(wait))})
            try:
                return route(request)
            finally:
                again = time.monotonic() + pause
        finally:
            busy.release()

    return spared
