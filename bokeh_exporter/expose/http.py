"""The endpoint: HTTP on its own event loop in its own thread, so that it answers while the app's loop is blocked.

Routes are looked up and guarded here; ``connections`` speaks HTTP, ``sockets`` opens ports and certificates.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from ..config import variable
from .access import Access, AllowedHosts
from .connections import Server
from .http_messages import Answer, Later, Request, Route, short
from .places import Limits
from .sockets import EndpointError, listen, tls_context
from .streams import Stream
from .web.rate import RateLimit
from .web.users import Users

__all__ = ["Answer", "Endpoint", "EndpointError", "Later", "Limits", "Request", "Route", "tls_context"]

_FAVICON = "/favicon.ico"
#: A number in a path, which stands as ``{number}`` in the routes.
_NUMBER = re.compile(r"/\d+(?=/)")
_Made = TypeVar("_Made", bound="Answer | Later | Stream")


def _remedy(error: Exception) -> str:
    """Say what helps where no file or thread is to be had."""
    if "interpreter shutdown" in str(error):  # Python 3.12 starts no thread then, for nobody
        return "the main thread of the program has ended: serve in it, or let it wait for the thread that serves"
    return "raise the limits of this process"


class Endpoint:
    """An HTTP server that owes its host nothing but a thread.

    Args:
        routes: by method and path, in which ``{number}`` is any number; ``HEAD``
            works wherever ``GET`` does. They run in the endpoint's thread, in turn.
        open_paths: the paths that need no token.
        token: the bearer token that every other path wants; None for no protection.
        on_error: called with what a route or the server raised.
        limits: what clients may take.
        hosts: the names that it may be asked for by; None for any.
        login: what ``/`` answers to whoever has no token.
        users: who may ask with a password.
        rate: how often may be asked.

    Attributes:
        address, port, url: where it listens, once started.
    """

    def __init__(
        self, routes: Mapping[tuple[str, str], Route], *, open_paths: frozenset[str], token: str | None,
        on_error: Callable[[BaseException], None], limits: Limits | None = None,
        hosts: AllowedHosts | None = None, login: Answer | None = None, users: Users | None = None,
        rate: RateLimit | None = None,
    ) -> None:  # fmt: skip
        if token is not None and not token.strip():
            raise EndpointError(f"the token is empty: give {variable('token')} a value or leave it out")
        self._routes = {("GET", _FAVICON): lambda request: Answer(204, b"", ""), **routes}
        self._access = access = Access(token, open_paths | {_FAVICON}, hosts, login, users=users, rate=rate)
        if token is not None and login is not None:
            self._routes |= {("POST", "/login"): access.login, ("POST", "/logout"): access.logout}
        self._on_error = on_error
        self._limits = limits or Limits()
        self._lock = threading.Lock()
        self._server: Server | None = None
        self.address, self.port, self.url = "", 0, ""

    def start(self, address: str, ports: Iterable[int], ssl_context: ssl.SSLContext | None = None) -> int:
        """Bind the first free one of the ports (0 is any), serve from a new thread and return the port.

        Raises:
            EndpointError: the address or every port cannot be used, or the process is out of files or threads.
        """
        with self._lock:
            if self._server is not None:
                raise RuntimeError("the endpoint is already running")
            listeners = listen(address, tuple(ports))
            self._serve(listeners, ssl_context)
            self.address, self.port = address, listeners[0].getsockname()[1]
            self._access.port, self._access.tls = self.port, ssl_context is not None
            host = f"[{address}]" if ":" in address else address
            self.url = f"{'https' if ssl_context else 'http'}://{host}:{self.port}"
            return self.port

    def start_on(self, listener: socket.socket) -> None:
        """Serve, from a new thread, a socket that listens already; it is closed with the endpoint.

        Raises:
            EndpointError: the process is out of files or threads.
        """
        with self._lock:
            self._serve([listener], None)

    def _serve(self, listeners: list[socket.socket], ssl_context: ssl.SSLContext | None) -> None:
        try:
            self._server = Server(listeners, ssl_context, self._answer, self._on_error, self._limits)
        except (OSError, RuntimeError) as error:
            for listener in listeners:
                listener.close()
            raise EndpointError(f"the endpoint cannot start: {error}; {_remedy(error)}") from None

    def renew(self, *, token: str | None = None, ssl_context: ssl.SSLContext | None = None) -> None:
        """Take another token or certificate for what comes from now on; connections that are open stay."""
        if token is not None:
            self._access.renew(token)
        with self._lock:
            if ssl_context is not None and self._server is not None:
                self._server.tls = ssl_context

    def renew_users(self, users: Users | None, rate: RateLimit | None) -> None:
        """Let others in, or ask at another rate, from now on."""
        self._access.users, self._access.rate = users, rate

    def close(self) -> None:
        """Close socket, connections, thread and loop. Idempotent, from any thread."""
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.stop()

    def abandon(self) -> None:
        """In a forked child: close the inherited descriptors, and leave alone what is shared with the parent."""
        self._lock = threading.Lock()  # a thread that did not come along may hold the old one
        server, self._server = self._server, None
        if server is not None:
            server.abandon()

    def _answer(self, request: Request) -> Answer | Later | Stream:
        return self._guarded(lambda: self._routed(request))

    def _routed(self, request: Request) -> Answer | Later | Stream:
        path = _NUMBER.sub("/{number}", request.path)
        allowed = {method for method, each in self._routes if each == path}
        if not allowed:
            return short(404)
        refusal = self._access.refusal(request)
        if refusal is not None:
            return refusal
        route = self._routes.get(("GET" if request.method == "HEAD" else request.method, path))
        if route is None:
            return short(405, {"Allow": ", ".join(sorted(allowed | ({"HEAD"} if "GET" in allowed else set())))})
        answer = route(request)
        if isinstance(answer, Later):
            make = answer.make
            return Later(lambda: self._guarded(make))
        return answer

    def _guarded(self, make: Callable[[], _Made]) -> _Made | Answer:
        try:
            return make()
        except BaseException as error:  # SystemExit too: it would end the thread
            self._on_error(error)
            return short(500)
