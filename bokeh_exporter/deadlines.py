"""Requests that end: a limit for the whole answer of whoever is asked, its head as well.

urllib's timeout is one of each read, so an answer that comes byte by byte is waited for without end, by a command as by
the thread that asks peers.
"""

from __future__ import annotations

import functools
import http.client
import io
import time
import urllib.request
from typing import Any


class _Raw(io.RawIOBase):
    """What a socket receives until a moment."""

    def __init__(self, raw: Any, sock: Any, seconds: float) -> None:
        self._raw, self._connected, self._seconds = raw, sock, seconds
        self._each, self._ends = sock.gettimeout() or seconds, time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        left = self._ends - time.monotonic()
        try:
            if left > 0:
                self._connected.settimeout(min(left, self._each))
                return self._raw.readinto(buffer)
        except TimeoutError:
            if left > self._each:
                raise
        raise TimeoutError(f"it did not end its answer in {self._seconds:.0f} s")

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: Any, *args: Any, seconds: float, **given: Any) -> None:
        super().__init__(sock, *args, **given)
        self.fp = io.BufferedReader(_Raw(self.fp.detach(), sock, seconds))


class Limited(urllib.request.AbstractHTTPHandler):
    """Mixed into a handler of urllib's: an answer takes at most so many seconds; None is no limit."""

    seconds: float | None = None

    def do_open(self, http_class: Any, req: Any, **given: Any) -> Any:
        """Open as the handler does, on a connection whose answers are limited."""

        def connection(*args: Any, **named: Any) -> Any:
            made = http_class(*args, **named)
            if self.seconds is not None:
                made.response_class = functools.partial(_Response, seconds=self.seconds)
            return made

        return super().do_open(connection, req, **given)


class _Http(Limited, urllib.request.HTTPHandler):
    pass


class _Https(Limited, urllib.request.HTTPSHandler):
    pass


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows nobody: an exporter never redirects, and the token would go to whoever is named."""

    def redirect_request(self, *args: Any, **named: Any) -> None:
        """Let the redirect be the error that it is."""


def opener(seconds: float | None, *more: Limited) -> urllib.request.OpenerDirector:
    """Return what opens a URL and takes at most so many seconds for the answer, without redirects and proxies."""
    handlers = (_Http(), _Https(), *more)
    for each in handlers:
        each.seconds = seconds
    # No proxy: it would be asked for the loopback address of its own machine, and the token is not for it.
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirects, *handlers)
