"""A browser as the server sees it: a page, a websocket, protocol messages. Tornado and nothing of Bokeh.

A message is a few websocket frames: header, metadata, content, then ``num_buffers`` pairs of
buffers. Bokeh's own client was rejected: building and parsing models would take most of the time.

Bokeh leaves Nagle's algorithm on, so each side's second frame waits up to 40 ms for the other's
delayed acknowledgement; next to that no exporter would ever show. This client sends at once
(TCP_NODELAY) and acknowledges at once (TCP_QUICKACK, on Linux).
"""

from __future__ import annotations

import itertools
import json
import re
import socket
from collections.abc import Iterator
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

_TOKEN = re.compile(rb'"token":\s*"([^"]+)"')
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
_numbers = itertools.count(1)


class Session:
    """A page with its websocket open and its document received."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self._connection = connection
        self._socket: socket.socket = connection.protocol.stream.socket  # type: ignore[union-attr]
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.document: dict[str, Any] = {}

    @classmethod
    async def visit(cls, url: str) -> Session:
        """Get the page, which makes the session; connect, and pull the document."""
        page = await AsyncHTTPClient().fetch(url)
        token = _TOKEN.search(page.body)
        if token is None:
            raise RuntimeError(f"{url} answered without a session token")
        return await cls.connect(url, token.group(1).decode())

    @classmethod
    async def connect(cls, url: str, token: str) -> Session:
        """Open the websocket of a session and pull the document."""
        address = f"ws{url.removeprefix('http')}/ws"
        session = cls(await websocket_connect(HTTPRequest(address), subprotocols=["bokeh", token]))
        await session._receive()  # ACK
        await session._send("PULL-DOC-REQ", {})
        header, session.document = await session._receive()
        if header["msgtype"] != "PULL-DOC-REPLY":
            raise RuntimeError(f"{header['msgtype']} instead of the document")
        return session

    def model(self, text: str) -> str:
        """Return the id of the model whose title or label is ``text``."""
        for model in _models(self.document):
            if text in (model["attributes"].get("title"), model["attributes"].get("label")):
                return str(model["id"])
        raise LookupError(f"no model called {text}")

    async def change(self, model: str, value: int) -> None:
        """Set a property and wait for the reply: one round trip."""
        event = {"kind": "ModelChanged", "model": {"id": model}, "attr": "value", "new": value}
        request = await self._send("PATCH-DOC", {"events": [event]})
        while True:
            header, content = await self._receive()
            if header.get("reqid") == request:
                if header["msgtype"] != "OK":
                    raise RuntimeError(f"{header['msgtype']}: {content}")
                return

    async def press(self, model: str) -> None:
        """Press a button and wait until its callback has changed something and the reply is there."""
        values = {"type": "map", "entries": [["model", {"id": model}]]}
        message = {"type": "event", "name": "button_click", "values": values}
        event = {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": message}
        request = await self._send("PATCH-DOC", {"events": [event]})
        answered = changed = False
        while not (answered and changed):
            header, content = await self._receive()
            if header["msgtype"] == "ERROR":
                raise RuntimeError(f"ERROR: {content}")
            answered = answered or header.get("reqid") == request
            changed = changed or header["msgtype"] == "PATCH-DOC"

    async def close(self) -> None:
        """Close, and wait until the server has, too."""
        self._connection.close()
        while await self._connection.read_message() is not None:
            pass

    async def _send(self, kind: str, content: dict[str, Any]) -> str:
        number = str(next(_numbers))
        for part in ({"msgid": number, "msgtype": kind}, {}, content):
            await self._connection.write_message(json.dumps(part))
        return number

    async def _receive(self) -> tuple[dict[str, Any], dict[str, Any]]:
        header: dict[str, Any] = json.loads(await self._read())
        await self._read()
        content: dict[str, Any] = json.loads(await self._read())
        for _ in range(2 * int(header.get("num_buffers", 0))):
            await self._read()
        return header, content

    async def _read(self) -> str | bytes:
        frame = await self._connection.read_message()
        if frame is None:
            raise ConnectionError(f"the server closed the websocket: {self._connection.close_reason}")
        if _QUICKACK is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)  # holds for this once only
        return frame


async def get(url: str) -> bytes:
    """Get a page and return its body."""
    return (await AsyncHTTPClient().fetch(url)).body


def _models(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if value.get("type") == "object" and "id" in value and "attributes" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _models(item)
