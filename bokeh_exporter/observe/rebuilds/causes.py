"""What caused an interaction: the widget or model, the property, and what may be shown of its values.

A patch names a Bokeh model. Where a Panel component listens to the model, the component is what the user
knows: it is found through the callbacks that Panel put on the model, so nothing has to be kept for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...state.ledger.source_names import is_made_up
from ...state.safe_looks import ByClass, attributes, bases, is_a, text_of, type_name
from ...state.wording import HIDDEN, displayable, escaped, hidden
from .. import slots
from ..hosts import panel_components
from ..hosts.bokeh_callbacks import listeners
from ..hosts.bokeh_documents import model_by_id
from ..hosts.bokeh_messages import change_of
from ..hosts.bokeh_models import is_event, knows, set_values, value_of
from ..hosts.panel_components import parameter_of

#: Properties that say what a widget is called, as the app sets them.
LABELS = ("title", "label", "name")
#: Words in the names of classes whose values are never shown.
_SECRET = ("Password", "File")


def note_labels(events: Sequence[Any], document: Any) -> None:
    """Remember which labels of a model a browser has set: from then on they are what somebody typed."""
    for event in events:
        if event.get("attr") in LABELS:
            change = change_of(event)
            model = model_by_id(document, change.model) if change.model is not None else None
            if model is not None:
                fields = model.__dict__
                fields[slots.relabelled.name] = {*fields.get(slots.relabelled.name, ()), change.name}


def cause_of(events: Sequence[Any], document: Any, reveal: bool) -> tuple[dict[str, Any] | None, str | None]:
    """Return the cause that the events of a patch name, the first of them, and the path of the file that made it.

    None if it names no model.
    """
    change = change_of(events[0])
    name, attribute = change.name, change.attribute
    model = model_by_id(document, change.model) if change.model is not None else None
    if model is None:
        return (_cause(None, None, hidden(name), None, None, None) if name else None), None
    widget = panel_components.component_of(listeners(model, attribute, name)) or model
    old = new = None
    if attribute is not None:
        secret = _is_secret(widget) or (widget is not model and _is_secret(model))
        if secret:
            old = new = HIDDEN
        else:
            old, new = displayable(value_of(model, attribute), reveal), displayable(change.new, reveal)
    site = (attributes(widget) or {}).get(slots.site.name)
    known = knows(model, name) if attribute is not None else is_event(model, name)
    shown = escaped(_parameter(widget, name)) if known else hidden(name)  # a browser may send any
    cause = _cause(type_name(type(widget)), _label(widget, model), shown, old, new, site)
    return cause, site.path if site is not None else None


def _cause(widget: str | None, label: str | None, name: str, old: Any, new: Any, site: Any) -> dict[str, Any]:
    return {
        "widget": widget, "label": label, "property": name, "old": old, "new": new,
        "file": site[0] if site else None, "line": site[1] if site else None,
    }  # fmt: skip


def _label(widget: Any, model: Any) -> str | None:
    if widget is not model and (text := parameter_of(widget, "label")):
        return escaped(text)
    # Asked for a property that it has not, a model looks for similar names for 0.1 ms.
    values = set_values(model)
    typed = model.__dict__.get(slots.relabelled.name, ())
    for name in LABELS:
        # Panel names the models of components for its templates: main-140312529860176.
        if name in typed or (name == "name" and widget is not model):
            continue
        text = values.get(name)
        # HoloViews calls a plot as the component that it is in.
        if is_a(text, str) and (text := text_of(text)) and not (name == "name" and is_made_up(text)):
            return escaped(text)
    return None if widget is model else label_of(widget)


def label_of(component: Any) -> str | None:
    """Return the label or name that an app has given to a component of Panel's."""
    given = parameter_of(component, "label") or parameter_of(component, "name")
    return escaped(given) if given and not is_made_up(given, type_name(type(component))) else None


#: By class, as ``_secret``: property of the model -> parameter of the Panel component.
_parameters: ByClass[dict[str, str]] = ByClass(panel_components.parameters_of)


def _parameter(widget: Any, attribute: str) -> str:
    """Return the name that a Panel component has for a property of its model."""
    return str(_parameters.of(type(widget)).get(attribute, attribute))


def _names_a_secret(kind: type) -> bool:
    names = " ".join([type_name(each) for each in bases(kind)])
    return any(word in names for word in _SECRET)


#: An app's script defines classes of its own for each visit, and they must not be kept for this.
_secret: ByClass[bool] = ByClass(_names_a_secret)


def _is_secret(owner: Any) -> bool:
    return _secret.of(type(owner))
