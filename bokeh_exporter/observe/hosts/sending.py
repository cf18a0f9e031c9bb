"""In whose name changes of documents are sent, by Bokeh and by Panel, which writes past Bokeh's messages.

What was changed under a document's lock is sent before that is released, or later by Panel: by whoever runs then, and
for a timer that is no interaction. So a change keeps the number of the interaction that made it, and is sent in its
name. Where one message holds the changes of several, they share its bytes by how many are theirs.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ...state.interactions import current, senders, sending_for, sending_message, sent_for
from .. import slots
from .bokeh_messages import events_of
from .seams import Attribute, Seam, is_of
from .tornado import protocol_of

if TYPE_CHECKING:
    from ...state.ledger.changes import Share
    from . import Hosts

_PANEL = "panel.io.document"
_NO_OTHER = contextlib.nullcontext()

# --- changes of documents -------------------------------------------------------------------------------


def _changes3(original: Callable[..., Awaitable[Any]], hosts: Hosts) -> Callable[..., Any]:
    """Wrap what sends one change to one connection, up to Bokeh 3.9: it is serialised now, and awaited later."""
    patches, swallow, made_by = hosts.patches, hosts.swallow, slots.reported.name
    record_of, number_of = hosts.state.interactions.get, current.get

    @functools.wraps(original)
    def send_patch_document(connection: Any, event: Any) -> Any:
        sending = original(connection, event)
        try:
            number = getattr(event, made_by, 0)
            record = record_of(number) if number and patches.on else None
            if record is None:
                return sending
            record.patches += 1
            # What handles a message awaits this as well, so the name is the right one then, too.
            return sending if record.messages and number == number_of() else sent_for(number, sending)
        except Exception as error:
            swallow(error)
            return sending

    return send_patch_document


def _changes(original: Callable[..., Awaitable[Any]], hosts: Hosts) -> Callable[..., Any]:
    """Wrap what sends all that was changed under the lock.

    A worker serialises it, which knows no interaction: that is seen here, where it is awaited.
    """
    patches, swallow, say = hosts.patches, hosts.swallow, hosts.event("changes_sent").hot()
    serialising = hosts.event("patch_serialising")

    @functools.wraps(original)
    async def send_pending_patches(session: Any, pending: Any) -> Any:
        if not patches.on:
            return await original(session, pending)
        numbers: list[int] = []
        try:
            numbers = [slots.reported.get(each.event) or 0 for each in pending for _ in each.connections]
            say(numbers)
        except Exception as error:
            swallow(error)
        now = current.get()
        with _NO_OTHER if all(number == now for number in numbers) else sending_for(numbers):
            leave = serialising.enter() if serialising.observed else None
            try:
                return await original(session, pending)
            finally:
                if leave is not None:
                    leave(None, None)

    return send_pending_patches


def _serialising(original: Callable[..., Any], hosts: Hosts) -> Callable[..., Any]:
    """Say which change each message is of, which Bokeh 4 makes with a function of its own."""
    patches, serialised = hosts.patches, hosts.event("patch_serialised")

    @functools.wraps(original)
    def _serialize_patches(pending: Any) -> Any:
        messages = original(pending)
        if patches.on and serialised:
            for each, (message, _) in zip(pending, messages, strict=False):
                serialised.say([each.event], message)
        return messages

    return _serialize_patches


def subject_of(change: Any) -> tuple[Any, Any] | None:
    """Return the model that a change is of, None for none, and its new value; None where it is not sent."""
    fields = vars(change)
    return (fields.get("model"), fields.get("new")) if hasattr(type(change), "kind") else None


# --- what Panel writes --------------------------------------------------------------------------------


def _dispatching(original: Callable[..., Any], hosts: Hosts) -> Callable[..., Any]:
    """Say what Panel sends by itself, past Bokeh's messages, by what tornado's sum of sent bytes has grown."""
    patches, event, timed = hosts.patches, hosts.event("message_sent"), hosts.event("message_written")
    changes = hosts.event("changes_sent")

    @functools.wraps(original)
    def dispatch_tornado(conn: Any, *args: Any, **kwargs: Any) -> Any:
        if not patches.on:
            return original(conn, *args, **kwargs)
        try:
            numbers, shares = _senders(*args, **kwargs), _shares(*args, **kwargs)
            before, begin = _sent_bytes(conn), perf_counter()
        except Exception as error:
            hosts.swallow(error)
            return original(conn, *args, **kwargs)
        # What is given no message makes one inside, and then says what is in it.
        with sending_for(numbers), sending_message(list(shares)):
            result = original(conn, *args, **kwargs)
            try:
                if timed:
                    timed.say(begin, perf_counter())
                size = _sent_bytes(conn) - before
                event.say(conn, size)
                if size:
                    changes.say(numbers)
            except Exception as error:
                hosts.swallow(error)
            return result

    return dispatch_tornado


def _senders(events: Any = None, msg: Any = None) -> Sequence[int]:
    """Return who made the changes that are sent, the number of an interaction for each."""
    if msg is None:
        return _makers(events or ())
    return slots.put_off.get(msg) or senders(len(events_of(msg)))


def _shares(events: Any = None, msg: Any = None) -> list[Share]:
    return slots.shares.get(msg) or [] if msg is not None else []


def _makers(events: Any) -> list[int]:
    now = current.get()
    return [slots.reported.get(event) or now for event in events]


def _writing(original: Callable[..., Any], hosts: Hosts) -> Callable[..., Any]:
    """Let what Panel writes be sent in the name of the interactions that made the changes."""
    patches, changes = hosts.patches, hosts.event("changes_sent")

    @functools.wraps(original)
    def write_events(doc: Any, connections: Any, events: Any, *args: Any, **kwargs: Any) -> Any:
        if not patches.on:
            return original(doc, connections, events, *args, **kwargs)
        makers: list[int] = []
        try:
            makers = _makers(events)
            for each in connections if isinstance(connections, (list, set)) else ():
                if not is_of(each._socket, "tornado.websocket", "WebSocketHandler"):
                    changes.say(makers)
        except Exception as error:
            hosts.swallow(error)
        with sending_for(makers):
            return original(doc, connections, events, *args, **kwargs)

    return write_events


def _putting_off(original: Callable[..., Any], hosts: Hosts) -> Callable[..., Any]:
    """Keep who made the changes of messages that Panel makes at once and writes later, up to 1.9."""
    patches = hosts.patches

    @functools.wraps(original)
    def schedule_write_events(doc: Any, connections: Any, events: Any) -> Any:
        result = original(doc, connections, events)
        try:
            put_off = getattr(sys.modules[_PANEL], "_WRITE_MSGS", None) if patches.on else None
            for messages in (put_off or {}).get(doc, {}).values():
                if slots.put_off.get(messages[-1]) is None:
                    slots.put_off.put(messages[-1], _makers(events))
        except Exception as error:
            hosts.swallow(error)
        return result

    return schedule_write_events


def _sent_bytes(connection: Any) -> int:
    return int(getattr(protocol_of(connection), "_message_bytes_out", 0))


_WHOSE = "whose bytes are sent by timers"

SEAMS = (
    Seam(
        "bokeh.server.connection:ServerConnection.send_patch_document", "changes_sent", ("self", "event"), _WHOSE,
        wrap=_changes3, until="3.9",
    ),
    Seam(
        "bokeh.server.session:ServerSession._send_pending_patches", "changes_sent", ("self", "pending"),
        f"{_WHOSE}; the time that patches take to serialise", wrap=_changes, since="3.10", also=("patch_serialising",),
    ),
    Seam(
        "bokeh.server.session:_serialize_patches", "patch_serialised", ("pending",), "bytes of elements",
        wrap=_serialising, since="4.0",
    ),
    Seam(
        f"{_PANEL}:dispatch_tornado", "message_sent", ("conn",), "bytes of what Panel sends by itself",
        wrap=_dispatching, hook="panel.dispatch_tornado", also=("message_written", "changes_sent"),
    ),
    Seam(
        f"{_PANEL}:write_events", "changes_sent", ("doc", "connections", "events"),
        "whose bytes are sent where Panel sends for several", wrap=_writing, hook="panel.write_events", since="1.9",
    ),
    Seam(
        f"{_PANEL}:schedule_write_events", "changes_sent", ("doc", "connections", "events"),
        "whose bytes are sent where Panel sends later", wrap=_putting_off, hook="panel.schedule_write_events",
        since="1.9", until="1.9",
    ),
)  # fmt: skip

ATTRIBUTES = (
    Attribute(f"{_PANEL}:_WRITE_MSGS", "whose bytes are sent where Panel sends later", since="1.9", until="1.9"),
)
