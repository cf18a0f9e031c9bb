"""Where interactions begin: the build of a document, and a patch that a browser sends.

The making of a session, which begins before the build, is begun by ``creations``; timers, and callbacks
that nothing else has begun, by ``calls``. The number of the interaction is in a context variable from
there on; on Bokeh 3.10 ``asyncio.to_thread`` takes it along to workers, and Panel's own thread pool is
made to.
"""

from __future__ import annotations

import contextvars
import functools
import sys
import weakref
from collections.abc import Callable
from time import perf_counter
from typing import Any, ClassVar

from ... import config as options
from ...catalogue import MESSAGES, OTHER
from ...state.interactions import SIXTEENTH, Interaction, current
from ...state.spans import Open, Spans
from ..apps import KEY, App
from ..frame import Frame, Observer
from ..hosts.patches import Leave
from ..traffic.payloads import SEAT, Traffic

#: What an event of a message is whose first change is of a property.
_PROPERTY = ("ModelChanged", "ColumnDataChanged")


class Interactions(Observer):
    """Begins interactions; counts protocol messages."""

    name: ClassVar[str] = "interactions"
    level: ClassVar[options.Level] = "update"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._pools: weakref.WeakSet[Any] = weakref.WeakSet()

    def start(self) -> None:
        """Hook into the build of documents and the handling of messages."""
        from bokeh.application import Application
        from bokeh.server.protocol_handler import ProtocolHandler

        self.hook.around(Application, "initialize_document", self._building, "self", "doc")
        self.hook.replace(ProtocolHandler, "handle", self._handling, "self", "message", "connection")

    def refresh(self) -> None:
        """Hook into Panel's thread pool once there is one."""
        panel = sys.modules.get("panel.io.state")
        pool = getattr(getattr(panel, "state", None), "_thread_pool", None)
        if pool is not None and pool not in self._pools:
            self._pools.add(pool)
            self.hook.replace(pool, "submit", self._submitting, hook="panel.state._thread_pool.submit")

    def _building(self, application: object, doc: Any) -> Leave | None:
        number = current.get()
        if number and self.state.interactions.origin(number)[1] == "init":
            return None  # a session is being made; else Panel warms an app, or a user makes a document
        app = self.apps.of_document(doc)
        record = self.state.interactions.begin(app.label if app is not None else "other", "build", "init")
        token = current.set(record.number)
        spans = self.state.spans
        span = spans.session(record.app, "build document", None) if spans is not None else None
        start = perf_counter()

        def leave(result: object, error: BaseException | None) -> None:
            record.seconds = perf_counter() - start
            current.reset(token)
            if span is not None:
                span.leave(error)

        return leave

    def _handling(self, original: Callable[..., Any]) -> Callable[..., Any]:
        patches, state, overhead = self.patches, self.state, self.state.overhead
        swallow, traffic, set_current = self.hook.swallow, self.frame.find(Traffic), current.set

        @functools.wraps(original)
        async def handle(handler: Any, message: Any, connection: Any) -> Any:
            if not patches.on:
                return await original(handler, message, connection)
            start = perf_counter()
            record = seat = span = token = None
            try:
                seat = getattr(connection, SEAT, None) or traffic.seat(connection)
                app, kind = seat.app, type(message)
                (app.bound.get(kind) or app.bundle(kind, _received))()
                if message.msgtype == "PATCH-DOC":
                    try:
                        begins = message.content["events"][0]["kind"]
                    except (KeyError, IndexError, TypeError):
                        begins = None
                    record = app.begin("property" if begins in _PROPERTY else "event")
                    record.messages = 1
                    token = set_current(record.number)
                    if state.spans is not None:
                        span = _span(state.spans, record, connection.session)
                    if not record.number & SIXTEENTH:  # the clock costs as much as what it would measure
                        overhead[0] += 16 * (perf_counter() - start)
            except Exception as ours:
                swallow(ours)
            try:
                return await original(handler, message, connection)
            finally:
                if token is not None and record is not None:
                    current.reset(token)
                    record.seconds = perf_counter() - start
                    if span is not None:
                        span.leave(sys.exc_info()[1])
                # The reply is sent next, and what it weighs is read a moment later.
                if seat is not None and not seat.looks:
                    traffic.enlist(seat)

        return handle

    def _submitting(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def submit(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            if not self.patches.on or not current.get():
                return original(function, *args, **kwargs)
            return original(contextvars.copy_context().run, function, *args, **kwargs)

        return submit


def _span(spans: Spans, record: Interaction, session: Any) -> Open | None:
    link = getattr(getattr(session, KEY, None), "creation", None)
    return spans.interaction(record.app, record.kind, record.number, session, link)


def _received(app: App, kind: Any) -> Callable[[], Any]:
    """Return what counts the messages of a class."""
    label = kind.msgtype if kind.msgtype in MESSAGES else OTHER
    return app.counting("bokeh_websocket_received_messages_total", label)
