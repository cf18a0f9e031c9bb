"""One request and its answer, and what routes are made of.

An answer that takes its time (a search, a capture) is made in a thread of its own, so that the
scrapes and health checks that come meanwhile are answered. They are few: without a free one it is an error.

Nothing raised in here reaches tornado, which would write a traceback to the host's log and answer nothing: it is one
400 or 500, and reported. A body goes out as it lies: what is the same for everybody is one buffer, not one for each.
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
from typing import Protocol, cast
from urllib.parse import parse_qs

from tornado import httputil
from tornado.http1connection import HTTP1Connection

from .streams import Outlet, Stream

_GZIP_FROM = 1024  # bytes; a smaller answer is one packet anyway
_GZIP_LEVEL = 3  # 1.5 MB of exposition: 4 ms to 5.5 % of it; level 6 takes 16 ms to 5.2 %


@dataclass(frozen=True)
class Request:
    """What a route may look at. ``headers`` ignores case; ``path`` is without the query."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    #: Of the client, without its port; empty where it is not known.
    address: str = ""


@dataclass(frozen=True)
class Answer:
    """What a route returns. ``packed`` is the body as gzip, of an answer that is kept for many; it costs no memory."""

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    packed: bytes | None = None


@dataclass(frozen=True)
class Later:
    """What a route returns that takes its time: ``make`` is called in a thread of its own and must not raise."""

    make: Callable[[], Answer]


Route = Callable[[Request], "Answer | Later | Stream"]

#: Parameters of a query; no route knows more than a few, and each costs time.
_FIELDS = 100
#: Answers that are made in threads of their own at once, of all endpoints: a person asks for one or two.
_THREADS = 16
_threads = threading.BoundedSemaphore(_THREADS)
#: Bytes from which a body is written without a copy.
_APART = 64 * 1024
_UNREAD = Request("", "", {}, {})


class Place(Protocol):
    """What a connection takes of the endpoint's room, as its exchange sees it."""

    address: str

    def busy(self) -> None:
        """Say that an answer is being made."""

    def streaming(self, unsent: int) -> None:
        """Say that an answer goes on, with so many bytes that wait."""

    def sending(self, size: int) -> None:
        """Say that an answer goes out, with so many bytes that are its own."""


class Exchange(httputil.HTTPMessageDelegate):
    """One request and its answer. Bodies are read and dropped: no route takes one."""

    def __init__(
        self, connection: HTTP1Connection, answer: Route, loop: asyncio.AbstractEventLoop, place: Place,
        on_error: Callable[[BaseException], None],
    ) -> None:  # fmt: skip
        self._connection, self._answer, self._loop = connection, answer, loop
        self._place, self._on_error = place, on_error
        self._request = _UNREAD

    def headers_received(
        self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine, headers: httputil.HTTPHeaders
    ) -> Awaitable[None] | None:
        """Keep what the request says."""
        start = cast(httputil.RequestStartLine, start_line)  # a proxy may send the form http://host/path?query
        path, _, query = re.sub("^https?://[^/?]*", "", start.path, flags=re.IGNORECASE).partition("?")
        try:
            asked = parse_qs(query, keep_blank_values=True, max_num_fields=_FIELDS)
        except ValueError:
            return None  # finish() refuses it
        self._request = Request(start.method, path or "/", asked, headers, self._place.address)
        return None

    def finish(self) -> None:
        """Answer, now that the request is complete."""
        if self._request is _UNREAD:
            self._send(short(400))
            return
        try:
            answer = self._answer(self._request)
        except BaseException as error:
            self._on_error(error)
            answer = short(500)
        if isinstance(answer, Later):
            self._start(answer)
        elif isinstance(answer, Stream):
            self._stream(answer)
        else:
            self._send(answer)

    def _start(self, later: Later) -> None:
        if not _threads.acquire(blocking=False):
            self._send(short(503, {"Retry-After": "1"}))
            return
        self._place.busy()
        # A daemon in an empty context: it may neither keep the process nor what the host has in its own.
        thread = threading.Thread(
            target=contextvars.Context().run, args=(self._make, later), name="bokeh-exporter-debug", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:  # the process has no thread left
            _threads.release()
            self._on_error(error)
            self._send(short(503, {"Retry-After": "1"}))

    def _stream(self, stream: Stream) -> None:
        if self._request.method != "HEAD":
            stream.start(Outlet(self._connection, self._loop, self._place))  # what it sends comes after the headers
        # A proxy such as nginx would keep events until its buffer is full.
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Accel-Buffering": "no"}
        fields = httputil.HTTPHeaders({"Content-Type": stream.content_type, **headers})
        self._connection.write_headers(httputil.ResponseStartLine("HTTP/1.1", 200, "OK"), fields)
        if self._request.method == "HEAD":
            self._connection.finish()

    def _make(self, later: Later) -> None:
        try:
            answer = later.make()
        except BaseException as error:
            self._on_error(error)
            answer = short(500)
        finally:
            _threads.release()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._send, answer, context=contextvars.Context())

    def _send(self, answer: Answer) -> None:
        try:
            self._write(answer)
        except Exception as error:
            self._on_error(error)
            self._connection.close()

    def _write(self, answer: Answer) -> None:
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
                body = answer.packed or gzip.compress(body, _GZIP_LEVEL, mtime=0)
                headers["Content-Encoding"] = "gzip"
        if answer.status != 204:
            headers["Content-Length"] = str(len(body))
        line = httputil.ResponseStartLine("HTTP/1.1", answer.status, responses.get(answer.status, ""))
        if self._request.method == "HEAD":
            body = b""
        self._place.sending(0 if answer.packed else len(body))
        if len(body) < _APART:
            self._connection.write_headers(line, headers, body)
        else:  # with the headers it would be copied, for each reader
            self._connection.write_headers(line, headers)
            self._connection.write(body)
        self._connection.finish()


def short(status: int, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer that is no more than its status in words."""
    return Answer(status, f"{responses[status].lower()}\n".encode(), "text/plain; charset=utf-8", headers or {})


def _takes_gzip(accept_encoding: str) -> bool:
    for coding in accept_encoding.lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() in ("gzip", "*"):
            return not re.fullmatch(r"q=0(\.0*)?", weight.strip())
    return False
