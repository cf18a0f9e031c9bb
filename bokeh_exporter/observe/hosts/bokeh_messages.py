"""Bokeh's protocol: where a message that came is handled, and where one is sent.

Both run for each message, so their wrappers have the originals' own parameters. Up to Bokeh 3 a handler of its own
takes message and connection, and a message sends itself; Bokeh 4 has neither.
"""

from __future__ import annotations

import functools
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from ...state.interactions import sending_message
from ...state.safe_looks import is_a
from .. import slots
from .seams import Attribute, Seam, find
from .tornado import sums_of, through

if TYPE_CHECKING:
    from ...state.ledger.changes import Share
    from . import Hosts


def _handling(position: int) -> Callable[[Callable[..., Any], Hosts], Callable[..., Any]]:
    """Wrap what handles a message. The connection is its last parameter on Bokeh 3, and its own object on Bokeh 4."""

    def make(original: Callable[..., Any], hosts: Hosts) -> Callable[..., Any]:
        patches, run = hosts.patches, hosts.event("message_handling").runner() or through

        if position:

            @functools.wraps(original)
            async def handle3(handler: Any, message: Any, connection: Any) -> Any:
                if not patches.on:
                    return await original(handler, message, connection)
                return await run(functools.partial(original, handler, message, connection), connection, message)

            return handle3

        @functools.wraps(original)
        async def handle4(connection: Any, message: Any) -> Any:
            if not patches.on:
                return await original(connection, message)
            return await run(functools.partial(original, connection, message), connection, message)

        return handle4

    return make


def _sending3(original: Callable[..., Any], hosts: Hosts) -> Callable[..., Any]:
    """Wrap what sends a message on Bokeh 3, and knows its size."""
    patches, say, written = hosts.patches, hosts.event("message_sent").hot(), hosts.event("message_written")
    # Below the level that knows of elements no change has a share, and a message is not asked for any.
    timed, shared = bool(written), bool(hosts.event("change_made"))
    handler_class = find("bokeh.server.views.ws", "WSHandler")

    async def sent(connection: Any, sending: Awaitable[Any], shares: list[Share]) -> Any:
        begin = perf_counter()
        size = await sending
        if timed:
            written.say(begin, perf_counter())
        length = size if isinstance(size, int) else 0  # characters, in JSON from Python ASCII, and bytes of buffers
        if not shared:
            say(connection, length)
            return size
        with sending_message(shares):
            say(connection, length)
        return size

    async def within(sending: Awaitable[Any], shares: list[Share]) -> Any:
        with sending_message(shares):
            return await sending

    @functools.wraps(original)
    def send(message: Any, conn: Any) -> Any:
        sending = original(message, conn)
        try:  # Replies come at the end of what was received, which has listed its connection.
            if patches.on and message.msgtype in _SENT:
                shares = (slots.shares.get(message) or []) if shared else []
                if is_a(conn, handler_class):
                    return sent(conn.connection, sending, shares) if conn.connection is not None else sending
                if shares:
                    return within(sending, shares)  # its host counts the bytes as they pass
        except Exception as error:
            hosts.swallow(error)
        return sending

    return send


#: Messages whose sending is booked as it happens.
_SENT = ("PATCH-DOC", "ACK")


def shares_of(message: Any) -> list[Share] | None:
    """Return what is known of the changes in a message; None for one that is booked on no interaction, as a reply."""
    return slots.shares.get(message) or [] if message.msgtype in _SENT else None


def _sending4(original: Callable[..., Any], hosts: Hosts) -> Callable[..., Any]:
    """Wrap what sends a message on Bokeh 4, whose size only tornado's sums say."""
    patches, say, timed = hosts.patches, hosts.event("message_sent").hot(), hosts.event("message_written")

    @functools.wraps(original)
    async def send_message(handler: Any, message: Any) -> Any:
        connection = None
        try:
            if patches.on and message.msgtype in _SENT:
                connection, before = handler.connection, sums_of(handler)[1]
        except Exception as error:
            hosts.swallow(error)
        if connection is None:
            return await original(handler, message)
        begin = perf_counter()
        result = await original(handler, message)
        try:
            if timed:
                timed.say(begin, perf_counter())
            with sending_message(slots.shares.get(message) or []):
                say(connection, sums_of(handler)[1] - before)
        except Exception as error:
            hosts.swallow(error)
        return result

    return send_message


def _serialising3(protocol: Any, msgtype: str, *args: Any, **kwargs: Any) -> tuple[Any] | None:
    return (args[0] if args else kwargs.get("events", ()),) if msgtype == "PATCH-DOC" else None


def weights(message: Any, changes: int) -> list[int]:
    """Return what each of the changes in a patch weighs in it: characters of JSON, and the bytes of its buffers.

    One weighs all. Of several, the JSON that is sent is looked through, which Bokeh keeps once it is made.
    """
    if changes < 2:
        return [1] * changes
    text: str = message.content_json
    starts = [text.find(_EVENT)]
    while starts[-1] >= 0 and (at := text.find(_NEXT, starts[-1])) >= 0:
        starts.append(at + 2)
    if len(starts) != changes:
        return [1] * changes
    found = [end - start for start, end in pairwise([*starts, len(text)])]
    for buffer in message._buffers[:_BUFFERS]:
        place = max(bisect_right(starts, text.find(f'"{buffer.id}"')) - 1, 0)
        found[place] += len(buffer.data) if isinstance(buffer.data, bytes) else buffer.data.nbytes
    return found


#: How an event begins in a patch, and how the next one does: within a text a quote is escaped.
_EVENT, _NEXT = '{"kind":"', '},{"kind":"'
#: Buffers of a patch whose change is looked for.
_BUFFERS = 100


# --- what a patch says: read from the JSON as Bokeh got it; names come from a browser, who shows them escapes them ---

#: What an event is whose change is of a property.
PROPERTY_KINDS = ("ModelChanged", "ColumnDataChanged")


class Change(NamedTuple):
    """What an event of a patch names."""

    #: The property or the event of Bokeh's.
    name: str
    #: The property; None for an event of Bokeh's.
    attribute: str | None
    #: The id of the model.
    model: str | None
    #: The value that it is set to.
    new: Any


def events_of(patch: Any) -> Sequence[Any]:
    """Return the events of a patch, which has buffers beside it or not; none if it has no such form."""
    try:
        events: Sequence[Any] = getattr(patch, "content", patch)["events"]
    except Exception:
        return ()
    return events


def change_of(event: dict[str, Any]) -> Change:
    """Return what an event names."""
    if event.get("kind") == "MessageSent":
        name, model = _bokeh_event(event.get("msg_data"))
        return Change(name, None, model, None)
    attribute = event.get("attr")
    model = (event.get("model") or event.get("column_source") or {}).get("id")
    return Change(attribute or "data", attribute, model, _plain(event.get("new")) if attribute is not None else None)


def _bokeh_event(data: Any) -> tuple[str, str | None]:
    """Return the name of a Bokeh event and the id of its model, as they are in a message."""
    if not isinstance(data, dict):
        return "message", None
    values = data.get("values") or {}
    if isinstance(values, dict) and "entries" in values:
        values = dict(values["entries"])
    model = values.get("model") if isinstance(values, dict) else None
    return str(data.get("name") or "event"), model.get("id") if isinstance(model, dict) else None


def _plain(value: Any) -> Any:
    """Return a value of a message: Bokeh sends what JSON has not as an object with a ``type``."""
    if isinstance(value, dict) and "type" in value:
        if value["type"] == "number":
            return float(str(value.get("value")).replace("+", ""))
        if value["type"] == "map":
            return dict.fromkeys(range(len(value.get("entries", ()))))
        return value.get("array", value.get("entries", value.get("data", value)))
    return value


_MESSAGES = "messages, interactions and their causes"

SEAMS = (
    Seam(
        "bokeh.server.protocol_handler:ProtocolHandler.handle", "message_handling", ("self", "message", "connection"),
        _MESSAGES, wrap=_handling(1), until="3",
    ),
    Seam(
        "bokeh.server.connection:ServerConnection.handle", "message_handling", ("self", "message"), _MESSAGES,
        wrap=_handling(0), since="4.0",
    ),
    Seam(
        "bokeh.protocol.message:Message.send", "message_sent", ("self", "conn"), "bytes that an interaction sent",
        wrap=_sending3, also=("message_written",), until="3",
    ),
    Seam(
        "bokeh.server.views.ws:WSHandler.send_message", "message_sent", ("self", "message"),
        "bytes that an interaction sent", wrap=_sending4, also=("message_written",), since="4.0",
    ),
    Seam(
        "bokeh.protocol:Protocol.create", "patch_serialising", ("self", "msgtype"),
        "the time that patches take to serialise, bytes of elements", facts=_serialising3, until="3",
    ),
)  # fmt: skip

ATTRIBUTES = (
    Attribute("bokeh.core.serialization:Serialized.content", "causes of updates"),
    Attribute("bokeh.protocol.message:Message.content_json", "bytes of elements", until="3"),
)
