"""A browser tab without the browser, for plain synchronous tests.

As a browser does it: the page over HTTP, which makes the session; its token; the websocket with
subprotocols ``bokeh`` and the token, and the page's query; ACK; PULL-DOC; document_ready. From then
on the server's patches are applied to ``Tab.models``, so a test reads what a user would see.

All tabs share one event loop in a thread of its own. bokeh_exporter.clients speaks the protocol, of Bokeh 3 and 4.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import socket
import struct
import threading
from collections import Counter
from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

from bokeh_exporter.clients.protocol import LARGEST, Conversation, Json, changes, event, models, token_in, websocket_url

from .web import Response, get

__all__ = ["Refused", "Response", "ServerError", "Tab", "get", "open_tab", "token_of"]

T = TypeVar("T")

#: Seconds until the server must have answered.
TIMEOUT = 30.0


class Refused(Exception):  # noqa: N818 - what happened, not what is wrong: some tests want it
    """The server let no websocket in.

    Attributes:
        status: of HTTP, if it refused the handshake.
        code: of the close frame, if it took the handshake and closed before ACK.
    """

    def __init__(self, status: int | None = None, code: int | None = None) -> None:
        super().__init__(f"websocket refused: HTTP status {status}, close code {code}")
        self.status, self.code = status, code


class ServerError(AssertionError):
    """The server answered a message with ERROR: the callback raised."""


def token_of(page: bytes) -> str:
    """Return the token that a page of a Bokeh or Panel server carries."""
    token = token_in(page)
    if token is None:
        raise AssertionError(f"no token in the page: {page[:500]!r}")
    return token


def open_tab(
    base_url: str,
    path: str = "/",
    query: str = "",
    *,
    token: str | None = None,
    origin: str | None = None,
    subprotocols: list[str] | None = None,
    headers: Mapping[str, str] | None = None,
    ready: bool = True,
    timeout: float = TIMEOUT,
) -> Tab:
    """Open ``path`` as a browser does and return the tab once the document is there.

    Args:
        base_url: of the server, ``http://localhost:5006``.
        path: of the app, with the server's prefix.
        query: of the page, without the question mark; the websocket gets it too.
        token: given, no page is fetched and the websocket is opened with this one.
        origin: of the page; the server's own by default, ``""`` sends none.
        subprotocols: in place of ``["bokeh", token]``.
        headers: further ones, for page and websocket.
        ready: send document_ready, as BokehJS does when it has drawn.
        timeout: seconds for each step.

    Raises:
        AssertionError: the page is not 200 or has no token.
        Refused: the websocket was not let in.
    """
    base, suffix = base_url.rstrip("/"), f"?{query}" if query else ""
    path = "/" + path.strip("/")
    if token is None and subprotocols is None:
        page = get(base + path + suffix, headers=headers, timeout=timeout)
        if page.status != 200:
            raise AssertionError(f"GET {path}{suffix}: {page.status} {page.body[:300]!r}")
        token = token_of(page.body)
    sent = dict(headers or {})
    if origin != "":
        sent["Origin"] = origin or "{0.scheme}://{0.netloc}".format(urlsplit(base))
    url = websocket_url(base + path, query)
    request = HTTPRequest(url, headers=sent, connect_timeout=timeout, request_timeout=timeout)
    return _run(Tab._open(request, token or "", subprotocols or ["bokeh", token or ""], ready), timeout)


class _Wire(Conversation):
    """The tab's websocket: counts what goes over it, and reads no more while the tab is paused."""

    def __init__(self, connection: WebSocketClientConnection, tab: Tab) -> None:
        super().__init__(connection)
        self.reading = asyncio.Event()
        self.reading.set()
        self._tab = tab

    async def read_frame(self) -> str | bytes:
        await self.reading.wait()
        frame = await super().read_frame()
        self._tab.received_bytes += _size(frame)
        return frame

    async def write_frame(self, frame: str | bytes) -> None:
        await super().write_frame(frame)
        self._tab.sent_bytes += _size(frame)

    async def read(self) -> tuple[Json, Json]:
        header, content = await super().read()
        self._tab.received_messages[header["msgtype"]] += 1
        return header, content

    def heard(self, header: Json, content: Json) -> None:
        if header["msgtype"] == "PATCH-DOC":
            for change in content["events"]:
                self._tab._apply(change)


class Tab:
    """One open page. Made by :func:`open_tab`; a context manager that closes.

    Attributes:
        token: of the session; a secret where the server is real.
        sent_bytes: payload bytes that went to the server, as it counts them received.
        received_bytes: payload bytes that came from the server.
        sent_messages: how many of each type went to the server.
        received_messages: how many of each type came.
    """

    def __init__(self, connection: WebSocketClientConnection, token: str) -> None:
        self.token = token
        self.sent_bytes = 0
        self.received_bytes = 0
        self.sent_messages: Counter[str] = Counter()
        self.received_messages: Counter[str] = Counter()
        self._wire = _Wire(connection, self)
        self._models: dict[str, Json] = {}

    # --- what is on the page -------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Whether the connection is there."""
        return self._wire.open

    @property
    def close_code(self) -> int | None:
        """Of the server's close frame; None while it is open, and where there was none."""
        return self._wire.websocket.close_code

    @property
    def session_id(self) -> str:
        """The id of the session that the tab belongs to."""
        from bokeh.util.token import get_session_id

        return str(get_session_id(self.token))

    @property
    def models(self) -> list[Json]:
        """The models that the server sent, each ``{"id", "name" (its class), "attributes"}``."""
        return list(self._models.values())

    def find(self, name: str) -> Json:
        """Return the one model of this name, title, label or else class.

        Raises:
            LookupError: there is none, or more than one.
        """
        for found in (
            [model for model in self.models if name in _names(model)],
            [model for model in self.models if model["name"].rsplit(".", 1)[-1] == name],
        ):
            if len(found) == 1:
                return found[0]
            if found:
                raise LookupError(f"{name!r} is not one model: {[model['name'] for model in found]}")
        raise LookupError(f"{name!r} is not among {sorted({model['name'] for model in self.models})}")

    def value(self, name: str, attribute: str) -> Any:
        """Return an attribute of a model as the browser has it now, None if it was never sent."""
        return self.find(name)["attributes"].get(attribute)

    # --- what the user does --------------------------------------------------------------------

    def set(self, name: str, *, wait: bool = True, **properties: Any) -> None:
        """Change properties of a model, one patch with an event for each, and wait for the reply.

        Raises:
            ServerError: the callback raised, and the server said so.
        """
        model = self.find(name)
        model["attributes"].update(properties)
        self.patch(changes(model, properties), wait=wait)

    def click(self, name: str, *, wait: bool = True) -> None:
        """Press a button."""
        self.event("button_click", name, wait=wait)

    def event(self, kind: str, name: str | None = None, *, wait: bool = True, **values: Any) -> None:
        """Send a Bokeh event, of a model if ``name`` is given, and wait for the reply."""
        if name is not None:
            values = {"model": {"id": self.find(name)["id"]}, **values}
        self.patch([event(kind, values)], wait=wait)

    def patch(self, events: list[Json], *, wait: bool = True) -> None:
        """Send a PATCH-DOC of any events."""
        self.request("PATCH-DOC", {"events": events}, wait=wait)

    def request(self, kind: str, content: Json, *, wait: bool = True, timeout: float = TIMEOUT) -> Json:
        """Send a message of any type and return the content of its reply, ``{}`` without ``wait``.

        Raises:
            ServerError: the reply is ERROR.
            WebSocketClosedError: the connection is closed, or closes before the reply.
        """
        return _run(self._request(kind, content, wait), timeout)

    def write(self, *frames: str | bytes) -> None:
        """Send raw frames: to break the protocol with."""
        _run(self._wire.write_frames(*frames))

    def pause(self) -> None:
        """Stop reading: a slow browser. What the server sends fills the sockets' buffers, then its own."""
        _loop().call_soon_threadsafe(self._wire.reading.clear)

    def resume(self) -> None:
        """Read on."""
        _loop().call_soon_threadsafe(self._wire.reading.set)

    # --- how it ends ---------------------------------------------------------------------------

    def close(self, code: int | None = 1000) -> None:
        """Close with this code and wait until the connection is gone; None sends a frame without one. Idempotent.

        Browsers send 1001 when the user leaves the page.
        """
        _run(self._end(code))

    def drop(self) -> None:
        """Reset the TCP connection without a close frame, which the server sees as 1006. Idempotent."""
        _run(self._reset())

    def wait_closed(self, timeout: float = TIMEOUT) -> int | None:
        """Wait until the server closes and return its close code."""
        _run(self._finished(), timeout)
        return self.close_code

    def __enter__(self) -> Tab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- on the loop ---------------------------------------------------------------------------

    @classmethod
    async def _open(cls, request: HTTPRequest, token: str, subprotocols: list[str], ready: bool) -> Tab:
        try:
            # The server may send whole data sets; it has no limit of its own for what it sends.
            connection = await websocket_connect(request, subprotocols=subprotocols, max_message_size=LARGEST)
        except HTTPClientError as error:
            raise Refused(status=error.code) from error
        tab = cls(connection, token)
        try:
            header, _ = await tab._wire.read()
            if header["msgtype"] != "ACK":
                raise AssertionError(f"the first message is {header['msgtype']}, not ACK")
        except BaseException as error:
            connection.close()
            if isinstance(error, WebSocketClosedError):
                raise Refused(code=connection.close_code) from None
            raise
        tab._wire.listen()
        try:
            reply = await tab._request("PULL-DOC-REQ", {}, wait=True)
            tab._learn(reply["doc"])
            if ready:
                await tab._request("PATCH-DOC", {"events": [event("document_ready", {})]}, wait=True)
        except BaseException:
            await tab._reset()
            raise
        return tab

    async def _request(self, kind: str, content: Json, wait: bool) -> Json:
        self.sent_messages[kind] += 1
        header, answer = await self._wire.request(kind, content, wait=wait)
        if header.get("msgtype") == "ERROR":
            raise ServerError(f"{answer.get('text')}\n{answer.get('traceback') or ''}")
        return answer

    def _apply(self, change: Json) -> None:
        self._learn(change)
        model = self._models.get((change.get("model") or {}).get("id", ""))
        if change["kind"] == "ModelChanged" and model is not None:
            model["attributes"][change["attr"]] = change["new"]

    def _learn(self, content: object) -> None:
        for model in models(content):
            self._models[model["id"]] = model

    async def _end(self, code: int | None) -> None:
        if self.open:
            self._wire.reading.set()
            self._wire.websocket.close(code)
        await self._finished()

    async def _reset(self) -> None:
        protocol: Any = self._wire.websocket.protocol
        if protocol is not None:
            # A stream that lingers for no time sends RST. tornado has no public way to its socket.
            protocol.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._wire.reading.set()
            protocol.stream.close()
        await self._finished()

    async def _finished(self) -> None:
        await self._wire.finished()


def _names(model: Json) -> list[object]:
    # A plot's Title carries the text under "text"; Bokeh's own Title model has no title, name or label.
    return [model["attributes"].get(key) for key in ("name", "title", "label")]


def _size(frame: str | bytes) -> int:
    return len(frame.encode() if isinstance(frame, str) else frame)


# --- the loop that all tabs share ------------------------------------------------------------------


_making_loop = threading.Lock()


def _loop() -> asyncio.AbstractEventLoop:
    with _making_loop:  # the cache alone lets two threads make one each
        return _make_loop()


@functools.cache
def _make_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="tabs", daemon=True)
    thread.start()

    def end() -> None:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        if not loop.is_running():
            loop.close()

    atexit.register(end)
    return loop


def _run(coroutine: Coroutine[Any, Any, T], timeout: float = TIMEOUT) -> T:
    return asyncio.run_coroutine_threadsafe(asyncio.wait_for(coroutine, timeout), _loop()).result()
