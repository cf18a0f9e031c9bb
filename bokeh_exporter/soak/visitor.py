"""A tab without a browser: the page over HTTP, which makes the session, then its websocket.

No ``Origin`` is sent, so a server whose origins are restricted lets the visitor in as it does other programs.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from urllib.parse import urlsplit

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClosedError, websocket_connect

from ..clients.protocol import LARGEST, Conversation, Json, event, token_in, websocket_url
from ..clients.requests import fetch
from .page import Page
from .widgets import Control

#: Seconds in which a server closes a websocket as well.
LEAVE = 1.0


class VisitError(Exception):
    """The page or its document could not be had: one line."""


class CallbackError(Exception):
    """The server answered a change with ERROR: the app's callback raised, or the widget is gone."""


class Unanswered(Exception):  # noqa: N818 - what happened, not what is wrong
    """The server has not answered in time; the session goes on."""


class _Listener(Conversation):
    page: Page | None = None

    def heard(self, header: Json, content: Json) -> None:
        if header["msgtype"] == "PATCH-DOC" and self.page is not None:
            for each in content["events"]:
                self.page.apply(each)


class Tab:
    """One open page. ``async with Tab.open(url)`` closes it."""

    def __init__(self, connection: Any) -> None:
        self._conversation = _Listener(connection)
        self._unanswered = False

    @classmethod
    async def open(cls, url: str, query: str = "", timeout: float = 60.0) -> Tab:
        """Open a page as a browser does and return once the document is there and said to be drawn.

        Raises:
            VisitError: the server refuses, or the page holds no session.
        """
        address = url + (f"?{query}" if query else "")
        path = urlsplit(url).path or "/"
        token = await _token(address, path, timeout)
        request = HTTPRequest(websocket_url(url, query), connect_timeout=timeout, request_timeout=timeout)
        try:
            connection = await websocket_connect(request, subprotocols=["bokeh", token], max_message_size=LARGEST)
        except (HTTPClientError, OSError) as error:
            raise VisitError(f"the websocket of {path} was refused: {error}") from None
        tab = cls(connection)
        try:
            await asyncio.wait_for(tab._conversation.read(), timeout)  # ACK
            tab._conversation.listen()
            await tab.pull(timeout)
            with contextlib.suppress(CallbackError):  # the app's onload callback raised: its log has it
                await tab.send([event("document_ready", {})], timeout)
        except (WebSocketClosedError, asyncio.TimeoutError, Unanswered, CallbackError):
            await tab.close()
            raise VisitError(f"{path} returned no document within {timeout:g} s, or closed the websocket") from None
        return tab

    async def pull(self, timeout: float) -> None:
        """Fetch the document, and what is on it."""
        reply = await self._request("PULL-DOC-REQ", {}, timeout)
        page = self._conversation.page
        if page is None:
            self._conversation.page = Page(reply["doc"])
        else:
            page.replace(reply["doc"])

    @property
    def page(self) -> Page:
        """What is on it now.

        Raises:
            VisitError: no document has come yet.
        """
        if self._conversation.page is None:
            raise VisitError("the page holds no document")
        return self._conversation.page

    async def use(self, control: Control, timeout: float) -> None:
        """Move a widget or press a button, as often as this page needs it; errors are those of :meth:`send`."""
        events = control.move(self.page.uses(control))
        self.page.count(control)
        for each in events:
            self.page.apply(each)
        await self.send(events, timeout)

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
            self._conversation.websocket.close(1001)
            await self._conversation.finished(LEAVE)
        await self._conversation.abandon()

    async def _request(self, kind: str, content: Json, timeout: float) -> Json:
        try:
            answer, body = await asyncio.wait_for(self._conversation.request(kind, content), timeout)
        except (asyncio.TimeoutError, TimeoutError):
            self._unanswered = True
            raise Unanswered from None
        if answer["msgtype"] == "ERROR":
            raise CallbackError(str(body.get("text")))
        return body


async def _token(address: str, path: str, timeout: float) -> str:
    try:
        page = await fetch(HTTPRequest(address, request_timeout=timeout, connect_timeout=timeout), LARGEST)
    except HTTPClientError as error:
        raise VisitError(f"GET {path}: HTTP {error.code} {error.message}") from None
    except OSError as error:
        raise VisitError(f"GET {path}: {error}") from None
    token = token_in(page.body)
    if token is None:
        raise VisitError(f"GET {path}: the page holds no session; does it ask for a login, or is it an index?")
    return token
