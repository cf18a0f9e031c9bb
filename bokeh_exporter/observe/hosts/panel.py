"""Panel: where it calls what users wrote, makes components, replaces outputs, and knows that a page is ready.

Nothing of Panel is imported here: it is wrapped once the app has imported it. What the user registered stays what is
registered: it is timed where Panel calls it, never wrapped in its place, for ``add_periodic_callback(f).callback`` is
``f`` and tasks are compared by it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from . import Hosts, changing
from .bokeh_server import hooks_of
from .seams import Attribute, Seam

_STATE, _IO = "panel.io.state:_state", "panel.io"


# --- wrappers and facts ----------------------------------------------------------------------------


def _periodic(periodic: Any, *args: object, **kwargs: object) -> tuple[Any, Any] | None:
    return (periodic._doc, periodic.callback) if periodic.running else None


def _ready(state: object, doc: Any, *rest: object, **named: object) -> tuple[Any]:
    return (doc,)


def _hashing(func: Any, hash_funcs: object, args: tuple[Any, ...], *rest: object, **named: object) -> tuple[Any, Any]:
    return func, args


def _first(owner: Any, *args: object, **kwargs: object) -> tuple[Any]:
    return (owner,)


def _submitting(original: Callable[..., Any], hosts: Hosts) -> Callable[..., Any]:
    patches, change = hosts.patches, hosts.event("panel_task_submitted").change

    @functools.wraps(original)
    def submit(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return original(change(function) if patches.on else function, *args, **kwargs)

    return submit


#: Of an instance that Panel makes when it is configured to have threads.
_SUBMIT = Seam(
    "panel.io.state:state._thread_pool.submit", "panel_task_submitted", (), "what callbacks in threads belong to",
    wrap=_submitting, hook="panel.state._thread_pool.submit",
)  # fmt: skip

READY = Seam(
    f"{_STATE}._schedule_on_load", "page_ready", ("self", "doc"), "the time until a page is ready",
    facts=_ready, hook="panel.state._schedule_on_load",
)  # fmt: skip

SEAMS = (
    Seam(
        f"{_STATE}.onload", "onload_adding", ("self", "callback"), "calls of onload functions",
        wrap=changing("onload_adding", "callback"), hook="panel.state.onload",
    ),
    Seam(
        f"{_STATE}.execute", "task_executing", ("self", "callback"), "calls of scheduled tasks and of table callbacks",
        wrap=changing("task_executing", "callback"), hook="panel.state.execute",
    ),
    READY,
    Seam(
        f"{_IO}.callbacks:PeriodicCallback._exec_callback", "periodic_calling", ("self",),
        "calls of Panel's periodic callbacks", facts=_periodic, hook="panel.PeriodicCallback._exec_callback",
    ),
    Seam(
        f"{_IO}.cache:compute_hash", "cached_calling", ("func", "hash_funcs", "args", "kwargs"),
        "the names of cached functions", facts=_hashing, hook="panel.cache.compute_hash",
    ),
    Seam(
        f"{_IO}.reload:_reload", "panel_reloaded", ("module_paths", "changes"), "reloads of apps",
        facts=lambda *args, **kwargs: (), hook="panel.reload._reload",
    ),
    Seam(
        f"{_IO}.handlers:autoreload_handle_exception", "panel_script_failed", ("handler", "module", "e"),
        "failed scripts under panel serve --autoreload", facts=lambda *args, **kwargs: (),
        hook="panel.io.handlers.autoreload_handle_exception",
    ),
    Seam(
        f"{_IO}.application:Application.on_session_created", "session_created_hooks", ("self", "session_context"),
        "failed session-created hooks under Panel", facts=hooks_of, hook="panel.Application.on_session_created",
    ),
    Seam(
        "panel.widgets.indicators:BooleanIndicator._throttle_events", "indicator_throttled", ("self", "events"),
        "that a template's busy indicator goes off half a second later is no part of what was busy",
        facts=lambda *args, **kwargs: (), hook="panel.BooleanIndicator._throttle_events",
    ),
    Seam(
        "panel.chat.feed:ChatFeed._handle_callback", "chat_answering", ("self",), "calls of the callbacks of chats",
        facts=lambda feed, *args, **kwargs: (feed.callback,), hook="panel.ChatFeed._handle_callback",
    ),
)  # fmt: skip

#: Seams of owners that are only known at run time, see :func:`refresh`.
FURTHER = (_SUBMIT,)

ATTRIBUTES = (
    Attribute("panel.io.state:_state._views", "views, and components that nothing shows"),
    Attribute("panel.io.state:_state._memoize_cache", "cache entries"),
    Attribute("panel.io.state:_state._thread_pool", "what callbacks in threads belong to"),
    Attribute("panel.io.state:_state._admin_context", "whether the admin page is on"),
    Attribute("panel.io.callbacks:PeriodicCallback._doc", "the app of a periodic callback"),
)


def refresh(hosts: Hosts) -> None:
    """Wrap Panel's thread pool once there is one."""
    pool = getattr(state_of_panel(), "_thread_pool", None)
    if pool is not None:
        hosts.wrap(pool, _SUBMIT)


# --- what is read ----------------------------------------------------------------------------------


def is_imported() -> bool:
    """Whether an app has imported Panel."""
    return _IO + ".state" in sys.modules


def has_components() -> bool:
    """Whether an app has imported what makes components."""
    return "panel.viewable" in sys.modules


def state_of_panel() -> Any:
    """Return Panel's ``state``; None where no app has imported it."""
    return getattr(sys.modules.get(_IO + ".state"), "state", None)


def current_document() -> Any | None:
    """Return the document that Panel works on."""
    return getattr(state_of_panel(), "curdoc", None)


class Switches(NamedTuple):
    """What makes Panel keep more."""

    autoreload: bool
    reuse_sessions: bool
    admin: bool
    profiler: bool


def switches() -> Switches:
    """Return Panel's switches, all off without Panel."""
    config = getattr(sys.modules.get("panel.config"), "config", None)
    return Switches(
        bool(getattr(config, "autoreload", False)),
        bool(getattr(config, "reuse_sessions", False)),
        bool(getattr(state_of_panel(), "_admin_context", None)),
        bool(getattr(config, "profiler", None)),
    )


def view_count() -> int | None:
    """Return how many views Panel holds; None without Panel."""
    state = state_of_panel()
    return len(state._views) if state is not None else None


def cache_sizes() -> dict[Any, int]:
    """Return how many entries Panel's cache holds, by the digest of the function."""
    state = state_of_panel()
    return {} if state is None else {key: len(entries) for key, entries in list(state._memoize_cache.items())}


def digests_here() -> list[Any] | None:
    """Return the list in which the caller of ``compute_hash`` notes the digest of a function.

    Panel keeps what a function gave under that digest, which it is about to work out.
    """
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_name != "hash_func":
        frame = frame.f_back
    digests = frame.f_locals.get("func_hashes")
    return digests if isinstance(digests, list) else None
