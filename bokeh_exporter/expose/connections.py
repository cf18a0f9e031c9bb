"""The connections of the endpoint: one loop, its thread, and a request at a time.

Built from tornado's HTTP/1 connection, not ``HTTPServer`` and ``web.Application``. Accepting ourselves refuses what is
beyond the limit before TLS, and pauses when the process is out of files, where tornado would spin. And what watches
the host's tornado sees no scrapes. What clients do wrong is logged by a module-level ``tornado.general`` that is the
host's: it gets a filter that drops only what our thread says, and loses it on ``stop()``.

Whoever is new finds a place: where all are taken, the connection that has been silent for longest goes, then the one
that has not taken its answer for longest. So no number of silent clients keeps a health check or a scrape out. What is
unsent is bounded for each connection, which gets one answer at a time, and in all. Rejected: places for scrapes alone,
since nobody knows what a connection will ask for until it has.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from typing import cast

from tornado import httputil
from tornado.http1connection import HTTP1Connection, HTTP1ConnectionParameters, HTTP1ServerConnection
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream, SSLIOStream

from .http_messages import Exchange, Route
from .places import Limits, Place

_JOIN = 5.0  # seconds that close() waits for the thread: a route that hangs must not hang the host's shutdown
_PAUSE = 1.0  # seconds until the next accept when out of files; the listening socket stays readable meanwhile
_CHUNK = 16 * 1024
_BATCH = 128  # accepted at once; then the connections get their turn
#: What tornado says about a connection's client goes to these, which are the host's.
_LOGGERS = logging.getLogger("tornado.general"), logging.getLogger("tornado.application")


class Server(httputil.HTTPServerConnectionDelegate):
    """One loop, its thread and its connections."""

    def __init__(
        self, listeners: list[socket.socket], tls: ssl.SSLContext | None, answer: Route,
        on_error: Callable[[BaseException], None], limits: Limits,
    ) -> None:  # fmt: skip
        self._listeners, self._on_error, self.limits = listeners, on_error, limits
        #: Is used for connections that are accepted from now on.
        self.tls = tls
        self._answer = answer
        self._places: dict[HTTP1ServerConnection, Place] = {}
        self._parameters = HTTP1ConnectionParameters(
            chunk_size=_CHUNK, max_header_size=limits.header_size, header_timeout=limits.idle,
            max_body_size=limits.body_size, body_timeout=limits.body,
        )  # fmt: skip
        # Not by the host's policy, which may be uvloop's. Its debug mode would log our requests as slow callbacks.
        self._loop = asyncio.SelectorEventLoop()
        self._loop.set_debug(False)
        self._loop.set_exception_handler(
            lambda loop, context: on_error(context.get("exception") or RuntimeError(context["message"]))
        )
        self._stopping = self._loop.create_future()  # cancelled to stop, since that may be done twice
        # An empty context: whatever the host keeps in its own would live as long as the thread.
        self._thread = threading.Thread(
            target=contextvars.Context().run, args=(self._run,), name="bokeh-exporter-http", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError:
            self._loop.close()
            raise

    def stop(self) -> None:
        """End the thread, and wait for it unless this is it."""
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._stopping.cancel, context=contextvars.Context())
        if self._thread is not threading.current_thread():
            self._thread.join(_JOIN)
        for listener in self._listeners:  # where a route hangs, the port at least is free
            listener.close()

    def abandon(self) -> None:
        """Close the descriptors, not through the loop: its epoll is the parent's as well.

        The connections too: held open here, they would seem alive to a client after the parent has closed them.
        """
        self._hush(False)
        for listener in self._listeners:
            listener.close()
        for connection in list(self._places):
            if connection.stream.socket is not None:
                connection.stream.socket.close()

    def _hush(self, on: bool) -> None:
        for logger in _LOGGERS:
            (logger.addFilter if on else logger.removeFilter)(self._is_of_others)

    def _is_of_others(self, record: logging.LogRecord) -> bool:
        return threading.get_ident() != self._thread.ident

    def _run(self) -> None:
        close = self._loop.close
        try:
            close = self._loop.run_until_complete(self._serve()).close
        except BaseException as error:
            self._on_error(error)
        finally:
            self._hush(False)
            for listener in self._listeners:
                listener.close()
            close()

    async def _serve(self) -> IOLoop:
        io_loop = IOLoop.current()  # tornado's wrapper of the running loop; made any other way it asks the policy
        self._hush(True)
        for listener in self._listeners:
            self._resume(listener)
        with contextlib.suppress(asyncio.CancelledError):
            await self._stopping
        for listener in self._listeners:
            with contextlib.suppress(ValueError):  # stop() ran out of patience and closed it
                self._loop.remove_reader(listener)
        closing = [asyncio.ensure_future(connection.close()) for connection in list(self._places)]
        if closing:
            await asyncio.wait(closing, timeout=_JOIN)
        return io_loop

    def _resume(self, listener: socket.socket) -> None:
        if not self._stopping.done():
            self._loop.add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_BATCH):
            try:
                accepted, peer = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:  # most likely EMFILE: the host leaks files, and we must not spin on top
                self._on_error(error)
                self._loop.remove_reader(listener)
                self._loop.call_later(_PAUSE, self._resume, listener)
                return
            if not self._has_place():
                accepted.close()
                continue
            try:
                connection = HTTP1ServerConnection(self._stream(accepted), self._parameters)
            except (OSError, ValueError):  # gone before the handshake
                accepted.close()
                continue
            self._places[connection] = Place(
                str(peer[0]) if isinstance(peer, tuple) else "", connection, self.limits.idle, self.make_room
            )
            connection.start_serving(self)

    def _stream(self, accepted: socket.socket) -> IOStream:
        # The read buffer holds a chunk more than what the parser wants, so this bound is never met by good requests.
        size = 2 * (self.limits.header_size + _CHUNK)
        tls = self.tls
        if tls is None:
            return IOStream(accepted, max_buffer_size=size, read_chunk_size=_CHUNK)
        # The handshake runs on the loop as data comes, within the time for the headers.
        wrapped = tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
        return SSLIOStream(wrapped, max_buffer_size=size, read_chunk_size=_CHUNK)

    def start_request(self, server_conn: object, request_conn: httputil.HTTPConnection) -> Exchange:
        """Called by tornado as a connection begins to wait for a request."""
        connection = cast(HTTP1Connection, request_conn)
        place = self._places.get(cast(HTTP1ServerConnection, server_conn))
        if place is None:  # it was closed to make room
            place = Place("", cast(HTTP1ServerConnection, server_conn), self.limits.idle, self.make_room)
        place.waiting()
        return Exchange(connection, self._answer, self._loop, place, self._on_error)

    def on_close(self, server_conn: object) -> None:
        """Called by tornado once a connection is closed."""
        place = self._places.pop(cast(HTTP1ServerConnection, server_conn), None)
        if place is not None:
            place.gone()

    def _has_place(self) -> bool:
        return len(self._places) < self.limits.connections or self._close_one("waiting") or self._close_one("sending")

    def _close_one(self, phase: str, spared: Place | None = None) -> bool:
        """Close the connection that has been in a phase for longest; return whether there is one."""
        oldest = min(
            [place for place in self._places.values() if place.phase == phase and place is not spared],
            key=lambda place: place.since, default=None,
        )  # fmt: skip
        if oldest is None:
            return False
        del self._places[oldest.connection]
        oldest.close()
        return True

    def make_room(self, size: int, spared: Place) -> None:
        """Close who does not take an answer, the slowest first, until so many bytes more are within the bound."""
        while size and sum([place.unsent for place in self._places.values()]) + size > self.limits.unsent:
            if not self._close_one("sending", spared):
                return
