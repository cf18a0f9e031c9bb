"""A browser as the server sees it: a page, a websocket, protocol messages. Tornado and nothing of Bokeh.

bokeh_exporter.clients has the protocol. A session reads for itself, without a task of its own: one more turn of the
loop would be in each time that is measured.

Bokeh leaves Nagle's algorithm on, so each side's second frame waits up to 40 ms for the other's
delayed acknowledgement; next to that no exporter would ever show. This client sends at once
(TCP_NODELAY) and acknowledges at once (TCP_QUICKACK, on Linux).
"""

from __future__ import annotations

import socket

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from bokeh_exporter.clients.protocol import LARGEST, Json, Messages, changes, event, models, token_in, websocket_url

#: Seconds that a websocket may take to open: tornado's own 20 are too few where a server is at what it carries.
_PATIENCE = 600.0
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
_CORK: int | None = getattr(socket, "TCP_CORK", None)


class _Wire(Messages):
    def __init__(self, connection: WebSocketClientConnection) -> None:
        super().__init__(connection)
        self._socket: socket.socket = connection.protocol.stream.socket  # type: ignore[union-attr]
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def cork(self, corked: bool) -> None:
        """Hold what is written back until it is uncorked: then it goes in one piece, which wakes the server once."""
        if _CORK is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, _CORK, int(corked))

    async def read_frame(self) -> str | bytes:
        frame = await super().read_frame()
        if _QUICKACK is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)  # holds for this once only
        return frame


class Session:
    """A page with its websocket open and its document received."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self._wire = _Wire(connection)
        self.document: Json = {}
        #: Whether a request of three frames goes in one piece, so that the server does the same for each.
        self.whole = False

    @classmethod
    async def visit(cls, url: str) -> Session:
        """Get the page, which makes the session; connect, and pull the document."""
        page = await AsyncHTTPClient().fetch(url)
        token = token_in(page.body)
        if token is None:
            raise RuntimeError(f"{url} answered without a session token")
        return await cls.connect(url, token)

    @classmethod
    async def connect(cls, url: str, token: str) -> Session:
        """Open the websocket of a session and pull the document."""
        request = HTTPRequest(websocket_url(url), connect_timeout=_PATIENCE, request_timeout=_PATIENCE)
        session = cls(await websocket_connect(request, subprotocols=["bokeh", token], max_message_size=LARGEST))
        await session._wire.read()  # ACK
        await session._wire.write("PULL-DOC-REQ", {})
        header, session.document = await session._wire.read()
        if header["msgtype"] != "PULL-DOC-REPLY":
            raise RuntimeError(f"{header['msgtype']} instead of the document")
        return session

    def model(self, text: str) -> str:
        """Return the id of the model whose title or label is ``text``."""
        for model in models(self.document):
            if text in (model["attributes"].get("title"), model["attributes"].get("label")):
                return str(model["id"])
        raise LookupError(f"no model called {text}")

    async def change(self, model: str, value: int) -> None:
        """Set a property and wait for the reply: one round trip."""
        request = await self._write("PATCH-DOC", {"events": changes({"id": model}, {"value": value})})
        while True:
            header, content = await self._wire.read()
            if header.get("reqid") == request:
                if header["msgtype"] != "OK":
                    raise RuntimeError(f"{header['msgtype']}: {content}")
                return

    async def press(self, model: str) -> Json:
        """Press a button, wait until its callback has changed something and the reply is there; return the change."""
        request = await self._write("PATCH-DOC", {"events": [event("button_click", {"model": {"id": model}})]})
        answered, change = False, None
        while not answered or change is None:
            header, content = await self._wire.read()
            if header["msgtype"] == "ERROR":
                raise RuntimeError(f"ERROR: {content}")
            answered = answered or header.get("reqid") == request
            if header["msgtype"] == "PATCH-DOC":
                change = content
        return change

    async def _write(self, kind: str, content: Json) -> str:
        if not self.whole:
            return await self._wire.write(kind, content)
        self._wire.cork(True)
        try:
            return await self._wire.write(kind, content)
        finally:
            self._wire.cork(False)

    async def close(self) -> None:
        """Close, and wait until the server has, too."""
        self._wire.websocket.close()
        while await self._wire.websocket.read_message() is not None:
            pass


async def get(url: str) -> bytes:
    """Get a page and return its body."""
    return (await AsyncHTTPClient().fetch(url)).body
