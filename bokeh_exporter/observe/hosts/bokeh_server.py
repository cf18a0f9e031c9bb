"""Bokeh's server and its applications: the build of documents, session hooks, the sweep, SIGTERM."""

from __future__ import annotations

import asyncio
import functools
import signal
import threading
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ...state.safe_calls import is_async
from ...state.safe_looks import resemble
from .seams import Attribute, Seam, find, instances

if TYPE_CHECKING:
    from . import Hosts

_APPLICATION, _TORNADO = "bokeh.application:Application", "bokeh.server.tornado:BokehTornado"
_CORE = "bokeh.server.core:BokehServerCore"

#: What modules of app scripts are called; one for each session.
SCRIPT_MODULES = "bokeh_app_"
#: Where Bokeh logs that a module is held.
MODULES_LOG = "bokeh.document.modules"
#: Marks the wrapper of an app's function.
_WATCHED = "_bokeh_exporter_watched"


# --- facts of events --------------------------------------------------------------------------------


def _building(application: Any, doc: Any, *rest: object, **named: object) -> tuple[Any, Any]:
    return doc, application


def hooks_of(application: object, session_context: Any, *rest: object, **named: object) -> tuple[Any, Any, Any] | None:
    """Context, session id and document of the hooks of a session; a stub of a test's has no server."""
    server_context = getattr(session_context, "server_context", None)
    context = getattr(server_context, "application_context", None)
    return context, session_context.id, getattr(session_context, "_document", None)


def _first(first: Any, *rest: object, **named: object) -> tuple[Any]:
    return (first,)


def _resolving(handler: Any, *rest: object, **named: object) -> tuple[Any]:
    return (handler.application_context,)


def _creating(host: object, context: Any, *rest: object, **named: object) -> tuple[Any]:
    return (context,)


def terminating(original: Callable[..., Any], hosts: Hosts) -> Callable[..., Any]:
    """Wrap what a host does on SIGTERM: a subscriber to ``terminating`` may hold it back by answering True.

    It runs in the signal's handler, so nothing here takes a lock or logs.
    """
    patches, event = hosts.patches, hosts.event("terminating")

    @functools.wraps(original)
    def handler(host: Any, *args: Any, **kwargs: Any) -> Any:
        terminates = not args or args[0] == signal.SIGTERM
        if patches.on and terminates and event.change(False):
            return None
        return original(host, *args, **kwargs)

    return handler


_SWEEP = "the duration of the sweep and the time of its last completion"
_MADE = "lifetime and interval of servers that are made after the exporter was installed"
_REFUSED = "page requests refused for their token"

#: Of each class of servers that sweeps sessions.
SWEEPERS = tuple(
    seam for target in (_TORNADO, _CORE) for seam in (
        Seam(f"{target}.__init__", "server_made", ("self", "applications"), _MADE, facts=_first,
             since="3.10" if target is _CORE else ""),
        Seam(f"{target}._cleanup_sessions", "sweeping", ("self",), _SWEEP, facts=_first,
             since="3.10" if target is _CORE else ""),
    )
)  # fmt: skip

SEAMS = (
    Seam(
        f"{_APPLICATION}.initialize_document", "document_building", ("self", "doc"),
        "builds as interactions, failed scripts, memory of builds, time until a page is ready", facts=_building,
    ),
    Seam(
        f"{_APPLICATION}.on_session_created", "session_created_hooks", ("self", "session_context"),
        "failed session-created hooks, and their memory", facts=hooks_of,
    ),
    Seam(
        f"{_APPLICATION}.on_session_destroyed", "session_destroyed_hooks", ("self", "session_context"),
        "callbacks of on_session_destroyed, and their memory", facts=hooks_of,
    ),
    *SWEEPERS,
    Seam(f"{_TORNADO}.create_session", "session_resolving", (), _REFUSED, facts=_creating, since="3.10"),
    Seam(f"{_CORE}.create_session", "session_resolving", (), _REFUSED, facts=_creating, since="3.10"),
    Seam(
        "bokeh.server.views.session_handler:SessionHandler.get_session", "session_resolving", ("self",), _REFUSED,
        facts=_resolving, until="3.9",
    ),
    Seam(
        "bokeh.server.server:BaseServer._sigterm", "terminating", ("self",),
        "drain on SIGTERM of bokeh serve and panel serve", wrap=terminating,
    ),
)  # fmt: skip

ATTRIBUTES = (
    Attribute(f"{_APPLICATION}._handlers", "failed scripts"),
    Attribute("bokeh.application.handlers.function:FunctionHandler._func", "failed app functions under Panel"),
    Attribute(f"{_TORNADO}._unused_session_lifetime_milliseconds", "the configured lifetime"),
    Attribute(f"{_TORNADO}._check_unused_sessions_milliseconds", "the configured interval of the sweep"),
    Attribute(f"{_TORNADO}._keep_alive_milliseconds", "the configured interval of pings", until="3.10"),
    Attribute(f"{_TORNADO}._cleanup_job", "the sweep of servers that run already"),
    Attribute(f"{_CORE}._unused_session_lifetime_milliseconds", "the configured lifetime", since="3.10"),
    Attribute(f"{_CORE}._check_unused_sessions_milliseconds", "the configured interval of the sweep", since="3.10"),
    Attribute(f"{_CORE}._keep_alive_milliseconds", "the configured interval of pings", since="3.10", until="3.10"),
    Attribute(f"{_CORE}._jobs", "the sweep of servers that run already", since="3.10"),
    Attribute("bokeh.server.contexts:ApplicationContext._application", "failed app functions under Panel"),
)


# --- what observers read ------------------------------------------------------------------------------


def script_failed(application: Any) -> bool:
    """Whether a script of an application has reported a failure. A function's flag is never reset: not asked."""
    return any(handler.failed for handler in application._handlers if not hasattr(handler, "_func"))


def server_classes() -> list[type]:
    """List the classes of servers that there are."""
    return [cls for target in (_TORNADO, _CORE) if (cls := find(*target.split(":"))) is not None]


def servers() -> Iterator[Any]:
    """Find the servers that exist. See :func:`.instances`."""
    return (server for cls in server_classes() for server in instances(cls))


def unused_lifetime(server: Any) -> float:
    """Return the seconds that a session without a browser lives."""
    return float(server._unused_session_lifetime_milliseconds / 1000)


def check_interval(server: Any) -> float:
    """Return the seconds between two sweeps."""
    return float(server._check_unused_sessions_milliseconds / 1000)


def keep_alive(server: Any) -> float | None:
    """Return the seconds between two pings of a browser, 0 where they are off; None where the host has none."""
    if hasattr(server, "_keep_alive_milliseconds"):
        return float(server._keep_alive_milliseconds / 1000)
    return getattr(server, "settings", {}).get("websocket_ping_interval")  # Bokeh 4 leaves it to tornado


def rebind_sweep(server: Any) -> None:
    """Let a running job look the sweep up again: it holds the bound method that it was made with."""
    job = getattr(server, "_cleanup_job", None)
    if job is not None:
        job.callback = server._cleanup_sessions
    for job in getattr(server, "_jobs", ()):
        if getattr(job._func, "__name__", "") == "_cleanup_sessions":
            job._func = server._cleanup_sessions


def began_a_session(error: BaseException) -> bool:
    """Whether an exception of a page request came from a creation that had begun: its frame is in the traceback."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name in ("create_session_if_needed", "_create_session"):
            return True
        trace = trace.tb_next
    return False


def rebind_sigterm() -> None:
    """Let the running loop, where the host's handler is registered already, call it through our wrapper.

    With ``--num-procs`` Panel runs the setup script on the loop, after the server has registered.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # signals are not that loop's
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    handle: Any = getattr(loop, "_signal_handlers", {}).get(signal.SIGTERM)
    server = getattr(getattr(handle, "_callback", None), "__self__", None)
    method = getattr(server, "_sigterm", None)
    if method is not None and handle._callback != method:
        loop.add_signal_handler(signal.SIGTERM, method)


def watch_functions(context: Any, hosts: Hosts) -> None:
    """Say ``script_failing`` where an app's function raises, which Panel calls in a try of its own."""
    for handler in context._application._handlers:
        function = vars(handler).get("_func")
        known = type(function) is FunctionType and _WATCHED in vars(function)
        if not known and callable(function) and is_async(function) is not None:
            hosts.wrap(handler, _FUNCTION)


def _watched(original: Callable[..., Any], hosts: Hosts) -> Callable[..., Any]:
    patches, event = hosts.patches, hosts.event("script_failing")

    def watched(doc: Any) -> Any:
        try:
            return original(doc)
        except Exception:
            if patches.on:
                event.say(doc)
            raise

    async def watched_async(doc: Any) -> Any:
        try:
            return await original(doc)
        except Exception:
            if patches.on:
                event.say(doc)
            raise

    wrapper: Callable[..., Any] = watched_async if is_async(original) else watched
    resemble(wrapper, original)
    wrapper.__dict__[_WATCHED] = True
    return wrapper


_FUNCTION = Seam(
    "bokeh.application.handlers.function:FunctionHandler._func", "script_failing", (),
    "failures of app functions under Panel", wrap=_watched,
)  # fmt: skip


def current_document() -> Any:
    """Return the document that runs in this context."""
    return curdoc() if (curdoc := find("bokeh.io", "curdoc")) is not None else None


def model_class() -> Any:
    """Return Bokeh's ``Model``."""
    return find("bokeh.model", "Model")
