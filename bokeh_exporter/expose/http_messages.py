"""One request and its answer, and what routes are made of.

An answer that takes its time (a search, a capture) is made in a thread of its own, so that the
scrapes and health checks that come meanwhile are answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gzip
import re
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http.client import responses
from typing import cast
from urllib.parse import parse_qs

from tornado import httputil
from tornado.http1connection import HTTP1Connection

_GZIP_FROM = 1024  # bytes; a smaller answer is one packet anyway
_GZIP_LEVEL = 3  # 1.5 MB of exposition: 4 ms to 5.5 % of it; level 6 takes 16 ms to 5.2 %


@dataclass(frozen=True)
class Request:
    """What a route may look at. ``headers`` ignores case; ``path`` is without the query."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What a route returns."""

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Later:
    """What a route returns that takes its time: ``make`` is called in a thread of its own and must not raise."""

    make: Callable[[], Answer]


Route = Callable[[Request], "Answer | Later"]


class Exchange(httputil.HTTPMessageDelegate):
    """One request and its answer. Bodies are read and dropped: no route takes one."""

    def __init__(
        self, connection: HTTP1Connection, answer: Route, loop: asyncio.AbstractEventLoop,
        sending: Callable[[asyncio.Future[None]], None],
    ) -> None:  # fmt: skip
        self._connection, self._answer, self._loop, self._sending = connection, answer, loop, sending

    def headers_received(
        self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine, headers: httputil.HTTPHeaders
    ) -> Awaitable[None] | None:
        """Keep what the request says."""
        start = cast(httputil.RequestStartLine, start_line)  # a proxy may send the form http://host/path?query
        path, _, query = re.sub("^https?://[^/?]*", "", start.path, flags=re.IGNORECASE).partition("?")
        self._request = Request(start.method, path or "/", parse_qs(query, keep_blank_values=True), headers)
        return None

    def finish(self) -> None:
        """Answer, now that the request is complete."""
        answer = self._answer(self._request)
        if isinstance(answer, Answer):
            self._send(answer)
            return
        # A daemon in an empty context: it may neither keep the process nor what the host has in its own.
        thread = threading.Thread(
            target=contextvars.Context().run, args=(self._make, answer), name="bokeh-exporter-debug", daemon=True
        )
        thread.start()

    def _make(self, later: Later) -> None:
        answer = later.make()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._send, answer, context=contextvars.Context())

    def _send(self, answer: Answer) -> None:
        if self._connection.stream is None or self._connection.stream.closed():
            return  # the client did not wait for it
        body = answer.body
        headers = httputil.HTTPHeaders({"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
        headers.update(answer.headers)
        if answer.content_type:
            headers["Content-Type"] = answer.content_type
        if len(body) > _GZIP_FROM:
            headers["Vary"] = "Accept-Encoding"
            # tornado's own compression is part of web.Application and does not know openmetrics-text.
            if _takes_gzip(self._request.headers.get("Accept-Encoding", "")):
                body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
                headers["Content-Encoding"] = "gzip"
        if answer.status != 204:
            headers["Content-Length"] = str(len(body))
        line = httputil.ResponseStartLine("HTTP/1.1", answer.status, responses.get(answer.status, ""))
        self._sending(self._connection.write_headers(line, headers, None if self._request.method == "HEAD" else body))
        self._connection.finish()


def _takes_gzip(accept_encoding: str) -> bool:
    for coding in accept_encoding.lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() in ("gzip", "*"):
            return not re.fullmatch(r"q=0(\.0*)?", weight.strip())
    return False
