"""What is moved on a page, where to, and how it goes back."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from ..clients.protocol import Json
from ..soak.page import Page
from ..soak.widgets import BUTTONS, Control

#: What a property is where it is not in the JSON of a document, by class and for all others.
_DEFAULTS: dict[tuple[str, str], object] = {
    ("Checkbox", "active"): False, ("Switch", "active"): False, ("Toggle", "active"): False,
    ("ToggleIcon", "value"): False, ("Tabs", "active"): 0, ("CheckboxGroup", "active"): [],
    ("CheckboxButtonGroup", "active"): [], ("ColorPicker", "color"): "#000000", ("MultiSelect", "value"): [],
    ("CustomMultiSelect", "value"): [], ("MultiChoice", "value"): [], ("TextInput", "value"): "",
    ("TextAreaInput", "value"): "", ("AutocompleteInput", "value"): "", ("Select", "value"): "",
    ("CustomSelect", "value"): "", ("Card", "collapsed"): True,
}  # fmt: skip
#: How many next values are tried until one differs from where the widget stands.
_TRIES = 4


@dataclass(frozen=True)
class Move:
    """There and back: the events of one PATCH-DOC each; ``back`` is empty where there is none, as of a click."""

    there: list[Json]
    back: list[Json]


def move_of(control: Control, page: Page) -> Move | None:
    """Return how a control is moved, None if there is nowhere to move it."""
    for number in range(_TRIES):
        there = control.move(number)
        if any(each["kind"] != "ModelChanged" for each in there) or _is_click(there):
            return Move(there, [])
        back = [_undone(each, page) for each in there]
        if any(one["new"] != other["new"] for one, other in zip(there, back, strict=True)):
            return Move(there, back)
    return None


def clicks(control: Control, page: Page) -> bool:
    """Whether a use of a control is a click, which nothing takes back."""
    return page.kind(control.id) in (*BUTTONS, "Dropdown", "ChatAreaInput") or _is_click(control.move(0))


def _is_click(events: list[Json]) -> bool:
    return any(each.get("attr") == "clicks" for each in events)


def _undone(event: Json, page: Page) -> Json:
    model, attribute = event["model"]["id"], event["attr"]
    attributes = page.attributes(model)
    # The end of a drag is where the widget stands, whether it has been dragged before or not.
    name = "value" if attribute == "value_throttled" else attribute
    default = _DEFAULTS.get((page.kind(model), name))
    return {**event, "new": copy.deepcopy(attributes.get(name, default))}
