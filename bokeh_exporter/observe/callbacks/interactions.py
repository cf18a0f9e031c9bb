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
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, ClassVar

from ... import config as options
from ...catalogue import MESSAGES, OTHER
from ...state import State
from ...state.interactions import SIXTEENTH, Interaction, current
from ...state.spans import Open, Spans
from .. import slots
from ..apps import App
from ..frame import Observer
from ..hosts import Leave
from ..hosts.bokeh_messages import PROPERTY_KINDS
from ..hosts.bokeh_sessions import session_of
from ..traffic.payloads import Payloads
from .async_steps import Noted


class InteractionStarts(Observer):
    """Begins interactions; counts protocol messages."""

    name: ClassVar[str] = "interactions"
    level: ClassVar[options.CollectLevel] = "update"

    def start(self) -> None:
        """Subscribe to the build of documents, the handling of messages, and the tasks of Panel's threads."""
        self.on.around("document_building", self._building)
        self.on.runs("message_handling", self._handler(), guards_itself=True)
        self.on.changes("panel_task_submitted", self._submitting)
        self.on.around("indicator_throttled", self._outside)

    def _building(self, document: Any, application: object) -> Leave | None:
        number = current.get()
        if number and self.state.interactions.origin(number)[1] == "init":
            return None  # a session is being made; else Panel warms an app, or a user makes a document
        app = self.apps.of_document(document)
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

    def _handler(self) -> Callable[[Callable[[], Awaitable[Any]], Any, Any], Awaitable[Any]]:
        state, overhead, swallow = self.state, self.state.overhead, self.on.swallow
        elements = state.elements
        payloads, known_bytes, set_current = self.frame.find(Payloads), slots.connection.name, current.set

        async def handle(call: Callable[[], Awaitable[Any]], connection: Any, message: Any) -> Any:
            start = perf_counter()
            record = known = span = token = None
            try:
                known = getattr(connection, known_bytes, None) or payloads.bytes_of(connection)
                app, kind = known.app, message.msgtype
                (app.bound.get(kind) or app.bundle(kind, _received))()
                if kind == "PATCH-DOC":
                    try:
                        begins = message.content["events"][0]["kind"]
                    except (KeyError, IndexError, TypeError):
                        begins = None
                    record = app.begin("property" if begins in PROPERTY_KINDS else "event")
                    record.messages = 1
                    token = set_current(record.number)
                    if state.spans is not None:
                        span = _span(state.spans, record, session_of(connection))
                    if not record.number & SIXTEENTH:  # the clock costs as much as what it would measure
                        overhead[0] += 16 * (perf_counter() - start)
            except Exception as ours:
                swallow(ours)
            try:
                if record is not None and elements.on:
                    return await Noted(call(), functools.partial(_handled, state, record.number))
                return await call()
            finally:
                try:
                    if token is not None and record is not None:
                        current.reset(token)
                        record.seconds = perf_counter() - start
                        if span is not None:
                            span.leave(sys.exc_info()[1])
                    # The reply is sent next, and what it weighs is read a moment later.
                    if known is not None and not known.looks:
                        payloads.enlist(known)
                except Exception as ours:
                    swallow(ours)

        return handle

    def _outside(self) -> Leave:
        """Let what is begun here, the task that puts an indicator out, belong to no interaction."""
        token = current.set(0)
        return lambda result, error: current.reset(token)

    def _submitting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Let what Panel runs in a thread belong to the interaction that submits it."""
        return functools.partial(contextvars.copy_context().run, function) if current.get() else function


def _span(spans: Spans, record: Interaction, session: Any) -> Open | None:
    link = getattr(slots.record.get(session), "creation", None)
    return spans.interaction(record.app, record.kind, record.number, session, link)


def _handled(state: State, number: int, begin: float, end: float) -> None:
    try:
        state.elements.went_on(number, "apply", "message", begin, end)
    except Exception as ours:
        state.swallow(InteractionStarts.name, ours)


def _received(app: App, kind: str) -> Callable[[], Any]:
    """Return what counts the messages of a type."""
    return app.counting("bokeh_websocket_received_messages_total", kind if kind in MESSAGES else OTHER)
