"""What caused an interaction: the widget or model, the property, and what may be told of its values.

A message names a Bokeh model. Where a Panel component listens to the model, the component is what the user
knows: it is found through the callbacks that Panel put on the model, so nothing has to be kept for it.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Iterable
from typing import Any

from ...state.wording import HIDDEN, escaped, told

#: Where a component or model keeps the line of the user's that made it, in its own ``__dict__``.
SITE = "_bokeh_exporter_site"
#: Words in the names of classes whose values are never shown.
_SECRET = ("Password", "File")


def cause_of(message: Any, document: Any, reveal: bool) -> dict[str, Any] | None:
    """Return the cause that a PATCH-DOC message names: its first event. None if it names no model."""
    event = message.content["events"][0]
    if event.get("kind") == "MessageSent":
        name, identity = _bokeh_event(event.get("msg_data"))
        attribute = None
    else:
        name, identity = event.get("attr") or "data", (event.get("model") or event.get("column_source") or {}).get("id")
        attribute = event.get("attr")
    model = document.models.get_by_id(identity) if identity is not None else None
    if model is None:
        return _cause(None, None, escaped(name), None, None, None) if name else None
    widget = _component(model, attribute, name) or model
    old = new = None
    if attribute is not None:
        secret = _is_secret(widget) or (widget is not model and _is_secret(model))
        if secret:
            old = new = HIDDEN
        else:
            old, new = told(_value(model, attribute), reveal), told(_plain(event.get("new")), reveal)
    return _cause(
        type(widget).__name__, _label(widget, model), escaped(_parameter(widget, name)), old, new,
        widget.__dict__.get(SITE),
    )  # fmt: skip


def _cause(widget: str | None, label: str | None, name: str, old: Any, new: Any, site: Any) -> dict[str, Any]:
    return {
        "widget": widget, "label": label, "property": name, "old": old, "new": new,
        "file": site[0] if site else None, "line": site[1] if site else None,
    }  # fmt: skip


def _bokeh_event(data: Any) -> tuple[str, str | None]:
    """Return the name of a Bokeh event and the id of its model, as they are in a message."""
    if not isinstance(data, dict):
        return "message", None
    values = data.get("values") or {}
    if isinstance(values, dict) and "entries" in values:
        values = dict(values["entries"])
    model = values.get("model") if isinstance(values, dict) else None
    return str(data.get("name") or "event"), model.get("id") if isinstance(model, dict) else None


def _component(model: Any, attribute: str | None, event: str) -> Any:
    """Return the Panel component that listens to a model."""
    viewable = sys.modules.get("panel.viewable")
    if viewable is None:
        return None
    listeners: Iterable[Any] = (
        *(model._callbacks.get(attribute, ()) if attribute is not None else ()),
        *model._event_callbacks.get(event, ()),
    )
    for listener in listeners:
        while isinstance(listener, functools.partial):
            listener = listener.func
        owner = getattr(listener, "__self__", None)
        if isinstance(owner, viewable.Renderable):
            return owner
    return None


def _label(widget: Any, model: Any) -> str | None:
    if widget is not model and isinstance(text := getattr(widget, "label", None), str) and text:
        return escaped(text)
    # Asked for a property that it has not, a model looks for similar names for 0.1 ms.
    values = model.__dict__.get("_property_values", {})
    for name in ("title", "label", "name"):
        text = values.get(name)
        if isinstance(text, str) and text:
            return escaped(text)
    given = None if widget is model else widget.name
    return escaped(given) if isinstance(given, str) and given else None


#: By class, as ``_secret``: property of the model -> parameter of the Panel component.
_parameters: weakref.WeakKeyDictionary[type, dict[str, str]] = weakref.WeakKeyDictionary()


def _parameter(widget: Any, attribute: str) -> str:
    """Return the name that a Panel component has for a property of its model."""
    kind = type(widget)
    names = _parameters.get(kind)
    if names is None:
        mapping = getattr(kind, "_property_mapping", None)
        pairs = list(mapping.items()) if isinstance(mapping, dict) else []
        known = {parameter for parameter, _ in pairs}
        names = _parameters[kind] = {name: parameter for parameter, name in pairs[::-1] if name not in known}
    return str(names.get(attribute, attribute))


def _value(model: Any, attribute: str) -> Any:
    # The name comes from the browser: nothing but a property is read.
    if attribute not in type(model).properties():
        return None
    try:
        return getattr(model, attribute)
    except Exception:  # it has no value yet
        return None


def _plain(value: Any) -> Any:
    """Return a value of a message: Bokeh sends what JSON has not as an object with a ``type``."""
    if isinstance(value, dict) and "type" in value:
        if value["type"] == "number":
            return float(str(value.get("value")).replace("+", ""))
        if value["type"] == "map":
            return dict.fromkeys(range(len(value.get("entries", ()))))
        return value.get("array", value.get("entries", value.get("data", value)))
    return value


#: By class. An app's script defines its own anew for each visit, and they must not be kept for this.
_secret: weakref.WeakKeyDictionary[type, bool] = weakref.WeakKeyDictionary()


def _is_secret(owner: Any) -> bool:
    kind = type(owner)
    secret = _secret.get(kind)
    if secret is None:
        names = " ".join([each.__name__ for each in kind.__mro__])
        secret = _secret[kind] = any(word in names for word in _SECRET)
    return secret
