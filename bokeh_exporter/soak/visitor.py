"""A tab without a browser: the page over HTTP, which makes the session, then its websocket.

tornado's clients speak the protocol; Bokeh brings tornado on every line. No ``Origin`` is sent, so a
server whose origins are restricted lets the visitor in as it does other programs.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
from typing import Any
from urllib.parse import urlsplit

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.websocket import WebSocketClosedError, websocket_connect

from .widgets import Control, Json, controls, event

#: A document may hold whole data sets.
LARGEST = 2**30
#: Seconds in which a server closes a websocket as well.
LEAVE = 1.0
_TOKEN = re.compile(rb'"token":\s*"([^"]+)"')


class VisitError(Exception):
    """The page or its document could not be had: one line."""


class CallbackError(Exception):
    """The server answered a change with ERROR: the app's callback raised, or the widget is gone."""


class Unanswered(Exception):  # noqa: N818 - what happened, not what is wrong
    """The server has not answered in time; the session goes on."""


class Tab:
    """One open page. ``async with Tab.open(url)`` closes it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self._replies: dict[str, asyncio.Future[tuple[str, Json]]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._unanswered = False
        self.controls: list[Control] = []

    @classmethod
    async def open(cls, url: str, query: str = "", timeout: float = 60.0) -> Tab:
        """Open a page as a browser does and return once the document is there and said to be drawn.

        Raises:
            VisitError: the server refuses, or the page holds no session.
        """
        address = url + (f"?{query}" if query else "")
        path = urlsplit(url).path or "/"
        token = await _token(address, path, timeout)
        request = HTTPRequest("ws" + url.removeprefix("http").rstrip("/") + "/ws" + (f"?{query}" if query else ""),
                              connect_timeout=timeout, request_timeout=timeout)  # fmt: skip
        try:
            connection = await websocket_connect(request, subprotocols=["bokeh", token], max_message_size=LARGEST)
        except (HTTPClientError, OSError) as error:
            raise VisitError(f"the websocket of {path} was refused: {error}") from None
        tab = cls(connection)
        try:
            await asyncio.wait_for(tab._read(), timeout)  # ACK
            tab._reader = asyncio.create_task(tab._read_on())
            await tab.pull(timeout)
            with contextlib.suppress(CallbackError):  # the app's onload callback raised: its log has it
                await tab.send([event("document_ready", {})], timeout)
        except (WebSocketClosedError, asyncio.TimeoutError, Unanswered, CallbackError):
            await tab.close()
            raise VisitError(f"{path} gave no document within {timeout:g} s, or closed the websocket") from None
        return tab

    async def pull(self, timeout: float) -> None:
        """Fetch the document, and find the widgets in it."""
        reply = await self._request("PULL-DOC-REQ", {}, timeout)
        self.controls = controls(reply["doc"])

    async def send(self, events: list[Json], timeout: float) -> None:
        """Send changes or events in one message and wait until the server has dealt with them.

        Raises:
            CallbackError: it could not.
            Unanswered: it has not within ``timeout`` seconds.
            WebSocketClosedError: the connection is gone.
        """
        await self._request("PATCH-DOC", {"events": events}, timeout)

    async def close(self) -> None:
        """Leave the page.

        A server that still deals with the last message reads no good-bye, and tornado notices the end of a
        connection only where nothing lies unread: then the connection is dropped without a word.
        """
        if not self._unanswered:
            self._connection.close(1001)
            if self._reader is not None:
                await asyncio.wait([self._reader], timeout=LEAVE)
        protocol: Any = self._connection.protocol
        if protocol is not None:  # tornado has no public way to it
            protocol.stream.close()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    async def _request(self, kind: str, content: Json, timeout: float) -> Json:
        number = str(next(self._numbers))
        reply: asyncio.Future[tuple[str, Json]] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        try:
            for part in ({"msgid": number, "msgtype": kind}, {}, content):
                await self._connection.write_message(json.dumps(part))
            if self._reader is None or self._reader.done():
                raise WebSocketClosedError
            answer, body = await asyncio.wait_for(reply, timeout)
        except (asyncio.TimeoutError, TimeoutError):
            self._unanswered = True
            raise Unanswered from None
        finally:
            self._replies.pop(number, None)
        if answer == "ERROR":
            raise CallbackError(str(body.get("text")))
        return body

    async def _read(self) -> tuple[Json, Json]:
        frames = [await self._frame() for _ in range(3)]
        header, content = json.loads(frames[0]), json.loads(frames[2])
        for _ in range(2 * header.get("num_buffers", 0)):
            await self._frame()
        return header, content

    async def _frame(self) -> str | bytes:
        frame: str | bytes | None = await self._connection.read_message()
        if frame is None:
            raise WebSocketClosedError
        return frame

    async def _read_on(self) -> None:
        try:
            while True:
                header, content = await self._read()
                reply = self._replies.get(header.get("reqid", ""))
                if reply is not None and not reply.done():
                    reply.set_result((header["msgtype"], content))
        except WebSocketClosedError:
            for reply in self._replies.values():
                if not reply.done():
                    reply.set_exception(WebSocketClosedError())
                    reply.exception()
        finally:
            self._connection.close()  # tornado warns of a connection that its owner never closed


async def _token(address: str, path: str, timeout: float) -> str:
    client = SimpleAsyncHTTPClient(force_instance=True, max_buffer_size=LARGEST)
    try:
        page = await client.fetch(HTTPRequest(address, request_timeout=timeout, connect_timeout=timeout))
    except HTTPClientError as error:
        raise VisitError(f"GET {path}: HTTP {error.code} {error.message}") from None
    except OSError as error:
        raise VisitError(f"GET {path}: {error}") from None
    finally:
        client.close()
    found = _TOKEN.search(page.body)
    if found is None:
        raise VisitError(f"GET {path}: the page holds no session; does it ask for a login, or is it an index?")
    return found.group(1).decode()
