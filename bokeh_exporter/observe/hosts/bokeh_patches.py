"""What a patch of a browser says: its events, and which model and property the first of them names.

Read from the JSON as Bokeh got it, before anything is applied, and by ``Document.apply_json_patch`` on every host.
The names come from a browser: who shows them has to escape them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .seams import Attribute

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


SEAMS = ()

ATTRIBUTES = (Attribute("bokeh.core.serialization:Serialized.content", "causes of updates"),)
