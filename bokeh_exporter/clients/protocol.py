"""Bokeh's websocket protocol as a client speaks it, on tornado's websocket.

Two framings exist. Bokeh 3 sends header, metadata and content as three texts, then two frames for each buffer. Bokeh 4
sends one text with header, content and the ids of the buffers, then one frame for each. The first message, the server's
ACK, shows which one it is, so nobody has to know the server's version. The messages and their contents are the same.

``bokeh.client`` was rejected: it builds every model, needs the server's own version, and its calls block.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tornado.websocket import WebSocketClientConnection, WebSocketClosedError

Json = dict[str, Any]

#: Bytes of a message at most: a document may hold whole data sets.
LARGEST = 2**30
_TOKEN = re.compile(rb'"token":\s*"([^"]+)"')


class Messages:
    """The messages of one websocket, one after the other, without waiting for replies.

    Attributes:
        websocket: tornado's connection.
    """

    def __init__(self, websocket: WebSocketClientConnection) -> None:
        self.websocket = websocket
        self._numbers = itertools.count(1)
        self._one_text = False
        self._writing = asyncio.Lock()

    async def read(self) -> tuple[Json, Json]:
        """Read a message and return its header and content; the buffers are read and dropped.

        Raises:
            WebSocketClosedError: the connection is gone.
        """
        first: Json = json.loads(await self.read_frame())
        if "header" in first:
            self._one_text = True
            header, content, buffers = first["header"], first["content"], len(first["buffers"])
        else:
            header = first
            await self.read_frame()  # metadata
            content, buffers = json.loads(await self.read_frame()), 2 * header.get("num_buffers", 0)
        for _ in range(buffers):
            await self.read_frame()
        return header, content

    async def write(self, kind: str, content: Json) -> str:
        """Send a message and return its id, which the reply's header has as ``reqid``."""
        number = self._number()
        await self._write(number, kind, content)
        return number

    def _number(self) -> str:
        return str(next(self._numbers))

    async def _write(self, number: str, kind: str, content: Json) -> None:
        header = {"msgid": number, "msgtype": kind}
        parts = [{"header": header, "content": content, "buffers": []}] if self._one_text else [header, {}, content]
        await self.write_frames(*map(json.dumps, parts))

    async def write_frames(self, *frames: str | bytes) -> None:
        """Send frames with no other's between them."""
        async with self._writing:
            for frame in frames:
                await self.write_frame(frame)

    async def read_frame(self) -> str | bytes:
        """Read a frame. For subclasses to count or to wait in."""
        frame = await self.websocket.read_message()
        if frame is None:
            raise WebSocketClosedError
        return frame

    async def write_frame(self, frame: str | bytes) -> None:
        """Send a frame. For subclasses to count in."""
        await self.websocket.write_message(frame, binary=isinstance(frame, bytes))


class Conversation(Messages):
    """Messages with a reader of their own, so that a request can wait for its reply."""

    def __init__(self, websocket: WebSocketClientConnection) -> None:
        super().__init__(websocket)
        self._replies: dict[str, asyncio.Future[tuple[Json, Json]]] = {}
        self._reader: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        """Whether the reader runs: the connection is there."""
        return self._reader is not None and not self._reader.done()

    def listen(self) -> None:
        """Start to read; call it after ACK."""
        self._reader = asyncio.create_task(self._read_on())

    def heard(self, header: Json, content: Json) -> None:
        """A message came. For subclasses."""

    async def request(self, kind: str, content: Json, *, wait: bool = True) -> tuple[Json, Json]:
        """Send a message and return its reply, header and content; two times ``{}`` without ``wait``.

        Raises:
            WebSocketClosedError: the connection is closed, or closes before the reply.
        """
        if not self.open:
            raise WebSocketClosedError
        number = self._number()
        reply: asyncio.Future[tuple[Json, Json]] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply  # before it is sent: the reader may see the reply first
        try:
            await self._write(number, kind, content)
            return await reply if wait else ({}, {})
        finally:
            self._replies.pop(number, None)

    async def finished(self, timeout: float | None = None) -> None:
        """Wait until the reader has ended, or so many seconds."""
        if self._reader is not None:
            await asyncio.wait([self._reader], timeout=timeout)

    async def abandon(self) -> None:
        """Stop to read, and drop the connection without a word."""
        protocol: Any = self.websocket.protocol
        if protocol is not None:  # tornado has no public way to its stream
            protocol.stream.close()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    async def _read_on(self) -> None:
        try:
            while True:
                header, content = await self.read()
                self.heard(header, content)
                reply = self._replies.get(header.get("reqid", ""))
                if reply is not None and not reply.done():
                    reply.set_result((header, content))
        except WebSocketClosedError:
            pass
        finally:
            self.websocket.close()  # tornado warns of a connection that its owner never closed
            for reply in self._replies.values():
                if not reply.done():
                    reply.set_exception(WebSocketClosedError())
                    reply.exception()  # who did not wait for it need not hear of it


def websocket_url(page: str, query: str = "") -> str:
    """Return the address of the websocket of a page, given without its query."""
    return "ws" + page.removeprefix("http").rstrip("/") + "/ws" + (f"?{query}" if query else "")


def token_in(page: bytes) -> str | None:
    """Return the token that a page carries, or None: it has no session."""
    found = _TOKEN.search(page)
    return found.group(1).decode() if found is not None else None


def event(name: str, values: Mapping[str, Any]) -> Json:
    """Return the entry of a PATCH-DOC message that carries a Bokeh event."""
    entries = [[key, value] for key, value in values.items()]
    data = {"type": "event", "name": name, "values": {"type": "map", "entries": entries}}
    return {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": data}


def changes(model: Json, properties: Mapping[str, Any]) -> list[Json]:
    """Return the entries of a PATCH-DOC message that set properties of a model."""
    return [
        {"kind": "ModelChanged", "model": {"id": model["id"]}, "attr": attribute, "new": value}
        for attribute, value in properties.items()
    ]


def models(content: object) -> Iterator[Json]:
    """Yield every model in the JSON of a document or an event, each ``{"id", "name", "attributes"}``, in its order."""
    stack = [content]
    while stack:
        here = stack.pop()
        if isinstance(here, dict):
            if here.get("type") == "object" and "id" in here:
                here.setdefault("attributes", {})
                yield here
            stack.extend(reversed(list(here.values())))
        elif isinstance(here, list):
            stack.extend(reversed(here))
