"""Bokeh's models: what is read of one. Their events are those of :mod:`.bokeh_documents`.

Values are read where Bokeh keeps them: to ask for a property may make its default. Only :func:`value_of` asks.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable
from typing import Any, Literal

from ...state.safe_looks import attributes, is_a
from . import Hosts
from .param import wrap_wherever_taken
from .patches import stack_level
from .seams import Attribute, Seam, find

_MODEL = "bokeh.model.model:Model"
#: Properties that lead to models which are not a part of the one that has them.
_BESIDE = frozenset({"js_property_callbacks", "js_event_callbacks", "tags"})
#: What a model keeps of its properties: the values that were given, and the defaults that were asked for.
_VALUES = ("_property_values", "_unstable_default_values", "_materialized_defaults")
#: Models that one walk over parts looks at.
_PARTS = 20_000


def refresh(hosts: Hosts) -> None:
    """Wrap the search for the line that a warning of Bokeh's names."""
    wrap_wherever_taken(hosts, _PLACE, ("bokeh",), asked=True)


@functools.cache
def model_class() -> type:
    """Return Bokeh's ``Model``, for many calls of ``isinstance``."""
    found: type = find("bokeh.model.model", "Model")
    return found


def is_model(thing: object) -> bool:
    """Whether something is a model of Bokeh's."""
    return is_a(thing, model_class())


def document_of(model: Any) -> Any | None:
    """Return the document that a model is attached to; None once it is destroyed."""
    return model.__dict__.get("_document")


def id_in(fields: dict[str, Any]) -> str | None:
    """Return the id that the attributes of a model have; None where they are no model's."""
    found = fields.get("_id")
    return found if isinstance(found, str) else None


def left_classes() -> tuple[type, ...]:
    """Return the classes of what destroyed sessions may leave: sessions, documents and models."""
    return find("bokeh.server.session", "ServerSession"), find("bokeh.document", "Document"), model_class()


def left_over(thing: Any) -> Literal["session", "document", "model"] | None:
    """Say what a destroyed session, document or model is, by its state; None if it is not destroyed.

    A model that has never been in a document and has never been given a value looks like a destroyed one.
    """
    session, document, model = left_classes()
    fields = attributes(thing) or {}
    if is_a(thing, model):
        return "model" if fields.get("_document", thing) is None and not fields.get("_property_values", True) else None
    if is_a(thing, session):
        # Not one whose constructor is running.
        return "session" if "_expiration_blocked_count" in fields and thing.destroyed else None
    if is_a(thing, document) and "_session_context" in fields and "_roots" not in fields:
        return "document"
    return None


def configuration(thing: Any) -> set[int]:
    """Return the ids of the models that a Document has in its configuration; none of another thing, or once destroyed.

    They are in no Document and have no values, so by their state alone they look like a destroyed session's.
    """
    fields = attributes(thing) or {}
    config = fields.get("_config") if "_roots" in fields and is_a(thing, left_classes()[1]) else None
    if config is None:
        return set()
    kept = attributes(config) or {}
    values = [each for name in _VALUES for each in list(kept.get(name, {}).values())]
    return {id(config), *(id(each) for each in values if is_model(each))}


def overrides_destroy(model: Any) -> bool:
    """Whether the class of a model has a ``destroy`` of its own."""
    return type(model).destroy is not getattr(model_class(), "destroy", None)


def known_models() -> int | None:
    """Return how many classes of models Bokeh knows; None where that cannot be read."""
    resolver = getattr(sys.modules.get("bokeh.core.has_props"), "_default_resolver", None)
    return len(resolver._known_models) if resolver is not None else None


def set_values(model: Any) -> dict[str, Any]:
    """Return the values that were given to a model's properties, by name."""
    values: dict[str, Any] = model.__dict__.get("_property_values", {})
    return values


def held_values(model: Any) -> list[dict[str, Any]]:
    """Return what a model holds by property: what it was given, and the defaults that it has made for itself."""
    fields = model.__dict__
    defaults = fields.get("_unstable_default_values") or fields.get("_materialized_defaults")
    return [fields.get("_property_values") or {}, defaults or {}]


def refers(model: Any, attribute: str) -> bool:
    """Whether a property may have models as its value, or in it."""
    return attribute in type(model).properties_with_refs()


def referring_values(model: Any) -> Iterable[Any]:
    """Yield the values that may lead to further models."""
    names, cls = type(model).properties_with_refs(), model_class()
    for values in held_values(model):
        for name, value in list(values.items()):
            if name in names and is_a(value, cls, list, tuple, set, dict):
                yield value


def parts_of(models: Iterable[Any]) -> list[Any]:
    """Return models and those that they consist of, not those that their scripts refer to."""
    found: dict[str, Any] = {}
    waiting: list[Any] = list(models)
    while waiting and len(found) < _PARTS:
        each = waiting.pop()
        if is_model(each):
            if each.id not in found:
                found[each.id] = each
                beside = [value for name, value in set_values(each).items() if name in _BESIDE]
                waiting.extend(value for value in referring_values(each) if not any(value is one for one in beside))
        elif isinstance(each, (list, tuple, set)):
            waiting.extend(each)
        elif isinstance(each, dict):
            waiting.extend(each.values())
    return list(found.values())


def knows(model: Any, attribute: str) -> bool:
    """Whether a model has a property of a name."""
    return attribute in type(model).properties()


def is_event(model: Any, name: str) -> bool:
    """Whether there is an event of a name: one of Bokeh's, or one that the app has registered for."""
    events = getattr(sys.modules.get("bokeh.events"), "_CONCRETE_EVENT_CLASSES", {})
    return name in events or name in model._event_callbacks


def value_of(model: Any, attribute: str) -> Any:
    """Return the value of a property. The name comes from a browser: nothing but a property is read."""
    if attribute not in type(model).properties():
        return None
    try:
        return getattr(model, attribute)
    except Exception:  # it has no value yet
        return None


def is_data_source(model: Any) -> bool:
    """Whether a model is a ``ColumnDataSource``; only an app that has imported the class can have one."""
    cls = getattr(sys.modules.get("bokeh.models.sources"), "ColumnDataSource", None)
    return is_a(model, cls) if cls else False


def _class(cls: type, *args: object, **kwargs: object) -> tuple[type]:
    return (cls,)


#: A metaclass's ``__call__`` is the one place that sees a whole constructor, whatever the class and its bases do in
#: theirs. It is on the way of each model, so only what is there to be inspected subscribes to it.
SEAMS = (
    Seam(
        "bokeh.core.has_props:MetaHasProps.__call__", "element_constructing", (), "seconds of models in an inventory",
        facts=_class, until="3",
    ),
)  # fmt: skip

_PLACE = Seam(
    "bokeh.util.warnings:find_stack_level", "warning", (), "the user's line in warnings of Bokeh's",
    wrap=stack_level("bokeh"), hook="bokeh.find_stack_level",
)  # fmt: skip
FURTHER = (_PLACE,)

ATTRIBUTES = (
    Attribute(f"{_MODEL}._id", "which element a model belongs to"),
    Attribute(f"{_MODEL}._document", "models of closed sessions"),
    Attribute(f"{_MODEL}._property_values", "causes of updates; models that are kept"),
    Attribute(f"{_MODEL}._unstable_default_values", "models that are kept", until="3"),
    Attribute(f"{_MODEL}._materialized_defaults", "models that are kept", since="4.0"),
    Attribute(f"{_MODEL}.properties_with_refs", "models that are kept"),
    Attribute(f"{_MODEL}.properties", "values of causes"),
    Attribute("bokeh.document:Document._roots", "what sessions left that ended before an attach"),
    Attribute("bokeh.events:_CONCRETE_EVENT_CLASSES", "names of events in causes"),
    Attribute("bokeh.core.has_props:_default_resolver", "known classes of models"),
)
