"""The endpoints: metrics, health, readiness and a landing page.

Each is a function from a request to an answer, run in the endpoint's own thread. What they show is
handed in, so nothing here looks at the host.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping

from .._version import __version__
from ..state import State
from .http import Answer, Request, Route
from .prometheus import exposition

#: Seconds without a tick after which nobody is served: liveness fails, and so does readiness.
STALE = 10.0
_TEXT = "text/plain; charset=utf-8"
#: What needs no token: a kubelet has none.
OPEN_PATHS = frozenset({"/healthz", "/readyz"})


class Pages:
    """The endpoints of one exporter.

    Args:
        state: what ``/metrics`` shows.
        tick_ages: seconds since the last tick of each running loop.
        not_ready: why the server should get no traffic now, None if it should.
    """

    def __init__(self, state: State, tick_ages: Callable[[], list[float]], not_ready: Callable[[], str | None]) -> None:
        self._state = state
        self._tick_ages = tick_ages
        self._not_ready = not_ready

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return the routes by method and path."""
        return {
            ("GET", "/"): self.landing,
            ("GET", "/metrics"): self.metrics,
            ("GET", "/healthz"): self.healthz,
            ("GET", "/readyz"): self.readyz,
        }

    def metrics(self, request: Request) -> Answer:
        """Answer a scrape: text 0.0.4 or OpenMetrics by ``Accept``, restricted by ``name[]``."""
        self._state.drain()
        content_type, body = exposition(
            self._state.registry, request.headers.get("Accept", ""), request.query.get("name[]", [])
        )
        return Answer(200, body, content_type)

    def stall(self) -> str | None:
        """Say how long the event loop has not ticked, if that is too long."""
        oldest = max(self._tick_ages(), default=0.0)
        return f"the event loop has not ticked for {oldest:.0f} s" if oldest > STALE else None

    def healthz(self, request: Request) -> Answer:
        """200 while the event loop ticks, or before there is one; else 503 and why."""
        stall = self.stall()
        return _plain(200, "ok") if stall is None else _plain(503, stall)

    def readyz(self, request: Request) -> Answer:
        """200 while the server listens and its loop ticks; else 503 and why."""
        reason = self.stall() or self._not_ready()
        return _plain(200, "ready") if reason is None else _plain(503, reason)

    def landing(self, request: Request) -> Answer:
        """Show where things are, and whether the loop ticks."""
        health = self.stall() or self._not_ready() or "the server listens and its event loop ticks"
        body = _LANDING.format(version=html.escape(__version__), health=html.escape(health))
        return Answer(200, body.encode(), "text/html; charset=utf-8", _PAGE_HEADERS)


def _plain(status: int, text: str) -> Answer:
    return Answer(status, f"{text}\n".encode(), _TEXT)


_PAGE_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}

_LANDING = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>bokeh_exporter</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em; }}
dt {{ font-weight: 600; margin-top: .8em; }}
dd {{ margin: 0; }}
</style>
</head>
<body>
<h1>bokeh_exporter {version}</h1>
<p>Now: {health}.</p>
<dl>
<dt><a href="metrics">/metrics</a></dt><dd>What Prometheus scrapes; <code>?name[]=bokeh_sessions</code> picks rows.</dd>
<dt><a href="healthz">/healthz</a></dt><dd>Liveness: 503 once the event loop has stood still for 10 s.</dd>
<dt><a href="readyz">/readyz</a></dt><dd>Readiness: whether this process should get visitors.</dd>
</dl>
</body>
</html>
"""
