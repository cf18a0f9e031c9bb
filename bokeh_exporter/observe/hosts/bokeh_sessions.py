"""Bokeh's sessions: ``ApplicationContext``, ``ServerSession`` and ``ServerConnection``, which every host has.

Counted at ``ServerSession`` itself rather than in session hooks: its constructor, ``subscribe`` and ``destroy`` run
exactly once where a session is made, visited and destroyed. Hooks run many times for a zombie, never under
bokeh-django, and stop at the first handler that raises.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .seams import Attribute, Seam, find, instances

if TYPE_CHECKING:
    from . import Hosts

_CONTEXTS, _SESSION = "bokeh.server.contexts:ApplicationContext", "bokeh.server.session:ServerSession"


# --- facts of events --------------------------------------------------------------------------------


def _opened(
    session: Any, session_id: object, document: Any, *rest: object, **named: object
) -> tuple[Any, Any, Any] | None:
    # Without a context it is a stub that Panel warms an app with, or a test's own.
    return session, document, context_of(document)


def _only_first(first: Any, *rest: object, **named: object) -> tuple[Any]:
    return (first,)


def _two(first: Any, second: Any, *rest: object, **named: object) -> tuple[Any, Any]:
    return first, second


def _creating_if_needed(context: Any, session_id: str, *rest: object, **named: object) -> tuple[Any, str] | None:
    if not session_id or session_id in context._sessions or session_id in context._pending_sessions:
        return None
    return context, session_id


def _blocking(original: Callable[[Any], Any], hosts: Hosts) -> Callable[[Any], Any]:
    patches, say = hosts.patches, hosts.event("expiration_blocked").hot()

    @functools.wraps(original)
    def block_expiration(session: Any) -> Any:
        # Only the step from free to blocked starts the clock; who blocks a blocked session does not restart it.
        try:
            if patches.on and not session._expiration_blocked_count:
                say(session)
        except Exception as error:
            hosts.swallow(error)
        return original(session)

    return block_expiration


#: The creation of a session where a class has a ``create_session_if_needed`` of its own, as bokeh-django's has.
OWN_CREATION = Seam(
    f"{_CONTEXTS}.create_session_if_needed", "session_creating", ("self", "session_id"),
    "attempts, duration and failures of session creations", facts=_creating_if_needed, until="3.9",
)  # fmt: skip

SEAMS = (
    Seam(
        f"{_CONTEXTS}.__init__", "context_made", ("self", "application"),
        "applications that are made after the exporter was installed", facts=_only_first,
    ),
    Seam(
        f"{_CONTEXTS}.run_load_hook", "loop_runs", ("self",),
        "the endpoint and the samples until the first session opens", facts=_only_first,
    ),
    OWN_CREATION,
    Seam(
        f"{_CONTEXTS}._create_session", "session_creating", ("self", "session_id"),
        "attempts, duration and failures of session creations", facts=_two, since="3.10",
    ),
    Seam(
        f"{_CONTEXTS}._discard_session", "session_discarding", ("self", "session", "should_discard"),
        "expired sessions count as requested", facts=lambda context, session, *rest, **named: (session,),
    ),
    Seam(
        f"{_CONTEXTS}._shutdown_sessions", "sessions_shutting_down", ("self",),
        "sessions destroyed at shutdown count as expired", facts=_only_first, since="3.10",
    ),
    Seam(
        f"{_SESSION}.__init__", "session_made", ("self", "session_id", "document"),
        "every number of sessions, the leak ledger and with it most verdicts", facts=_opened,
    ),
    Seam(
        f"{_SESSION}.subscribe", "session_connected", ("self", "connection"),
        "connected sessions, and sessions that never had a browser", facts=_only_first,
    ),
    Seam(
        f"{_SESSION}.unsubscribe", "session_disconnected", ("self", "connection"),
        "the state of a session whose browser has left", facts=_only_first,
    ),
    Seam(
        f"{_SESSION}.destroy", "session_destroying", ("self",),
        "destroyed sessions, the leak ledger and cleanup latency", facts=_only_first,
    ),
    Seam(
        f"{_SESSION}.block_expiration", "expiration_blocked", ("self",),
        "how long the expiration of a session has been blocked", wrap=_blocking,
    ),
)  # fmt: skip

ATTRIBUTES = (
    Attribute(f"{_CONTEXTS}._sessions", "every number of sessions"),
    Attribute(f"{_CONTEXTS}._pending_sessions", "pending sessions"),
    Attribute(f"{_CONTEXTS}._url", "the path of an app"),
    Attribute(f"{_CONTEXTS}._loop", "samples: which loop an app is on"),
    Attribute(f"{_CONTEXTS}._executor", "thread pools of the server", since="3.10"),
    Attribute(f"{_SESSION}._document", "models of live sessions, the leak ledger"),
    Attribute(f"{_SESSION}._subscribed_connections", "connected sessions"),
    Attribute(f"{_SESSION}._last_unsubscribe_time", "linger, unused age"),
    Attribute(f"{_SESSION}._expiration_blocked_count", "blocked sessions"),
    Attribute(f"{_SESSION}._lock", "waits for the document lock"),
    Attribute("bokeh.server.connection:ServerConnection._socket", "bytes and unsent bytes of a connection", until="3"),
    Attribute("bokeh.server.connection:ServerConnection._transport", "bytes of a connection", since="4.0"),
)


# --- what observers read ------------------------------------------------------------------------------


def context_class() -> type:
    """Return the class of application contexts."""
    found: type = find("bokeh.server.contexts", "ApplicationContext")
    return found


def contexts() -> Iterator[Any]:
    """Find the application contexts that exist, except the one whose constructor is running. See :func:`instances`."""
    return (context for context in instances(context_class()) if "_sessions" in vars(context))


def sessions_of(context: Any) -> list[Any]:
    """List the sessions of a context, zombies among them."""
    return list(context._sessions.values())


def session_count(context: Any) -> int:
    """Count the sessions of a context, zombies among them."""
    return len(context._sessions)


def pending_count(context: Any) -> int:
    """Count the sessions of a context that are being made."""
    return len(context._pending_sessions)


def path_of(context: Any) -> str:
    """Return the registered path of a context; bokeh-django registers patterns such as ``^shapes$``."""
    return "/" + str(getattr(context, "_url", None) or "").strip("^$/")


def context_of(document: Any) -> Any | None:
    """Return the ``ApplicationContext`` that a document was made in, if a server made it."""
    session_context = getattr(document, "session_context", None)
    server_context = getattr(session_context, "server_context", None)
    return getattr(server_context, "application_context", None)


def loop_of(context: Any) -> asyncio.AbstractEventLoop | None:
    """Return the asyncio loop of a context, whose ``_loop`` may be tornado's wrapper of it."""
    loop = getattr(context, "_loop", None)
    return getattr(loop, "asyncio_loop", loop)


def runs_on_tornado(context: Any) -> bool:
    """Whether a context is served by tornado's loop rather than by an ASGI server."""
    return hasattr(getattr(context, "_loop", None), "asyncio_loop")


def executor_of(context: Any) -> Any | None:
    """Return the thread pool of the server of a context; Bokeh 3.10 and newer have one."""
    return getattr(getattr(context, "_executor", None), "_executor", None)


def document_of(session: Any) -> Any | None:
    """Return the document of a session; a destroyed session has none."""
    return getattr(session, "_document", None)


def connections_of(session: Any) -> list[Any]:
    """List the connections of a session."""
    return list(session._subscribed_connections)


def connection_count(session: Any) -> int:
    """Count the connections of a session."""
    return len(session._subscribed_connections)


def left_at(session: Any) -> float:
    """Return ``time.monotonic()`` at which the last browser left; Bokeh sets it at creation, too."""
    return float(session._last_unsubscribe_time / 1000)


def blocked_count(session: Any) -> int:
    """Return how many hold back the expiration of a session."""
    return int(session._expiration_blocked_count)


def lock_of(session: Any) -> Any:
    """Return the lock of a session's document: tornado's up to Bokeh 3.9, asyncio's from 3.10 on."""
    return session._lock


def lock_is_free(session: Any) -> bool:
    """Whether nobody holds the lock of a session's document."""
    lock = session._lock
    return not lock.locked() if hasattr(lock, "locked") else int(lock._block._value) > 0


def context_of_connection(connection: Any) -> Any | None:
    """Return the context that a connection belongs to; Bokeh 4 keeps it with the session's document."""
    context = getattr(connection, "application_context", None)
    if context is not None:
        return context
    session = getattr(connection, "_session", None)
    return context_of(document_of(session)) if session is not None else None


def socket_of(connection: Any) -> Any | None:
    """Return what a connection sends on: the websocket's handler, ``_socket`` up to Bokeh 3, ``_transport`` after."""
    return getattr(connection, "_socket", None) or getattr(connection, "_transport", None)


def session_of(connection: Any) -> Any | None:
    """Return the session of a connection; None once it is detached."""
    return getattr(connection, "_session", None)
