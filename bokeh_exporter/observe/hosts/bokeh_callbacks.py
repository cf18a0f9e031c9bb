"""Where Bokeh calls what was registered: property changes, events, timers, and the ends of sessions.

Bokeh has no seam around a single callback. Those of properties and events are called by an invoker that the model
hands to its document, so the document is given ours, which calls the same list, each of it through the runners of
``callback_running``. Timers pass ``add_session_callback``, where what is registered can be changed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

from ...state.interactions import current
from ...state.safe_looks import type_name
from .. import slots
from . import Hosts
from .bokeh_documents import KINDS
from .patches import stand_for
from .seams import Attribute, Seam

_CALLBACKS = "bokeh.document.callbacks:DocumentCallbackManager"


# --- wrappers --------------------------------------------------------------------------------------


def _properties_changed(original: Callable[..., None], hosts: Hosts) -> Callable[..., None]:
    from bokeh.util.callback_manager import PropertyCallbackManager

    patches, run, changed = hosts.patches, hosts.event("callback_running").runner(), hosts.event("property_changed")
    say = changed.hot() if changed else None

    def ours(manager: Any, model: Any, attr: str, old: Any, new: Any, invoker: Any) -> Any:
        if invoker is None or run is None or not model._callbacks.get(attr) or not _is_bokehs(invoker):
            return invoker
        document = manager._document()

        def invoke() -> None:
            for callback in model._callbacks.get(attr) or ():
                run(functools.partial(callback, attr, old, new), document, "property", callback)

        return invoke

    stand_for(ours, "invoke", PropertyCallbackManager, "trigger", hosts)

    @functools.wraps(original)
    def notify_change(
        manager: Any,
        model: Any,
        attr: str,
        old: Any,
        new: Any,
        hint: Any = None,
        setter: Any = None,
        callback_invoker: Any = None,
    ) -> None:
        if patches.on:
            try:
                callback_invoker = ours(manager, model, attr, old, new, callback_invoker)
            except Exception as error:
                hosts.swallow(error)
            if hint is None and say is not None:
                say(model, attr, old, new)
        original(manager, model, attr, old, new, hint, setter, callback_invoker)

    return notify_change


def _model_events(original: Callable[..., None], hosts: Hosts) -> Callable[..., None]:
    from bokeh.util.callback_manager import EventCallbackManager, _nargs

    patches, run = hosts.patches, hosts.event("callback_running").runner()

    def ours(manager: Any, model: Any, event: Any, invoker: Any) -> Any:
        if run is None or not model._event_callbacks.get(event.event_name) or not _is_bokehs(invoker):
            return invoker
        document = manager._document()

        def invoke() -> None:
            for callback in model._event_callbacks.get(event.event_name, []):
                if event.model is not None and model.id == event.model.id:
                    call = functools.partial(callback, event) if _nargs(callback) else callback
                    run(call, document, "event", callback)

        return invoke

    stand_for(ours, "invoke", EventCallbackManager, "_trigger_event", hosts)

    @functools.wraps(original)
    def notify_event(manager: Any, model: Any, event: Any, callback_invoker: Any) -> None:
        if patches.on:
            try:
                callback_invoker = ours(manager, model, event, callback_invoker)
            except Exception as error:
                hosts.swallow(error)
        original(manager, model, event, callback_invoker)

    return notify_event


def _is_bokehs(invoker: Any) -> bool:
    """Whether an invoker is the one that ours replaces: it calls a model's list of callbacks."""
    return type(invoker) is FunctionType and invoker.__qualname__.endswith(
        (".trigger.<locals>.invoke", "._trigger_event.<locals>.invoke")
    )


def _document_events(original: Callable[..., Any], hosts: Hosts) -> Callable[..., Any]:
    patches, run = hosts.patches, hosts.event("callback_running").runner()

    def calling(document: Any, callback: Callable[..., Any]) -> Callable[[Any], Any]:
        assert run is not None  # noqa: S101 - for the type checker; asked before
        return lambda event: run(functools.partial(callback, event), document, "event", callback)

    @functools.wraps(original)
    def event_callbacks_for_event_name(manager: Any, event_name: str) -> Any:
        found = original(manager, event_name)
        if not found or run is None or not patches.on:
            return found
        try:
            document = manager._document()
            return tuple([calling(document, callback) for callback in found])
        except Exception as error:
            hosts.swallow(error)
            return found

    return event_callbacks_for_event_name


def _timers_added(original: Callable[..., Any], hosts: Hosts) -> Callable[..., Any]:
    patches, added = hosts.patches, hosts.event("session_callback_added")
    change, say = added.changer(), added.hot()

    @functools.wraps(original)
    def add_session_callback(manager: Any, callback_obj: Any, callback: Any, one_shot: bool) -> Any:
        if not patches.on:
            return original(manager, callback_obj, callback, one_shot)
        try:
            document, kind = manager._document(), KINDS.get(type_name(type(callback_obj)))
            callback = change(callback, document, kind, one_shot)
        except Exception as error:
            hosts.swallow(error)
            return original(manager, callback_obj, callback, one_shot)
        result = original(manager, callback_obj, callback, one_shot)
        say(document, kind, one_shot)
        return result

    return add_session_callback


def _timers_removed(original: Callable[[Any, Any], None], hosts: Hosts) -> Callable[[Any, Any], None]:
    patches, swallow = hosts.patches, hosts.state.swallow
    component, say = hosts.event("session_callback_removed").only()

    @functools.wraps(original)
    def remove_session_callback(manager: Any, callback_obj: Any) -> None:
        original(manager, callback_obj)
        if patches.on:
            try:
                say(manager._document())
            except Exception as ours:
                swallow(component, ours)

    return remove_session_callback


def _documents_changed(original: Callable[..., None], hosts: Hosts) -> Callable[..., None]:
    patches, swallow, reported = hosts.patches, hosts.state.swallow, slots.reported.name
    (component, say), number_of = hosts.event("document_changed").only(), current.get
    made = hosts.event("change_made").hot() if hosts.event("change_made") else None

    @functools.wraps(original)
    def trigger_on_change(manager: Any, event: Any) -> None:
        if patches.on:
            try:
                # One that is held comes again when it is let go, or Panel writes it itself.
                if getattr(event, reported, None) is None:
                    setattr(event, reported, number_of())
                    say(event.document, type(event))
                    if made is not None:
                        made(event)
            except Exception as ours:
                swallow(component, ours)
        original(manager, event)

    return trigger_on_change


# --- what is read ----------------------------------------------------------------------------------


def listeners(model: Any, attribute: str | None, event: str) -> tuple[Any, ...]:
    """Return what is registered on a model for a property and for an event of Bokeh's."""
    return (
        *(model._callbacks.get(attribute, ()) if attribute is not None else ()),
        *model._event_callbacks.get(event, ()),
    )


def destroyed_callbacks(document: Any) -> set[Any]:
    """Return what the user wants called when the session of a document is destroyed."""
    found: set[Any] = document.callbacks._session_destroyed_callbacks
    return found


def replace_destroyed_callbacks(document: Any, callbacks: set[Any]) -> None:
    """Let others be called in their place. The hosts take them out before they call them, so nobody sees these."""
    document.callbacks._session_destroyed_callbacks = callbacks


SEAMS = (
    Seam(
        f"{_CALLBACKS}.notify_change", "callback_running",
        ("self", "model", "attr", "old", "new", "hint", "setter", "callback_invoker"),
        "callbacks of properties; models that one property replaced",
        wrap=_properties_changed, also=("property_changed",),
    ),
    Seam(
        f"{_CALLBACKS}.notify_event", "callback_running", ("self", "model", "event", "callback_invoker"),
        "callbacks of events of models", wrap=_model_events,
    ),
    Seam(
        f"{_CALLBACKS}.event_callbacks_for_event_name", "callback_running", ("self", "event_name"),
        "callbacks of events of documents", wrap=_document_events,
    ),
    Seam(
        f"{_CALLBACKS}.add_session_callback", "session_callback_added",
        ("self", "callback_obj", "callback", "one_shot"), "timers: their time, and how many there are",
        wrap=_timers_added,
    ),
    Seam(
        f"{_CALLBACKS}.remove_session_callback", "session_callback_removed", ("self", "callback_obj"),
        "how many timers there are", wrap=_timers_removed,
    ),
    Seam(
        f"{_CALLBACKS}.trigger_on_change", "document_changed", ("self", "event"), "changes of documents, patches",
        wrap=_documents_changed, also=("change_made",),
    ),
)  # fmt: skip

ATTRIBUTES = (
    Attribute(f"{_CALLBACKS}._document", "the app of a callback"),
    Attribute(f"{_CALLBACKS}._session_destroyed_callbacks", "callbacks at the end of a session"),
    Attribute("bokeh.model.model:Model._callbacks", "callbacks of properties"),
    Attribute("bokeh.model.model:Model._event_callbacks", "callbacks of events of models"),
    Attribute("bokeh.util.callback_manager:_nargs", "callbacks of events of models"),
)
