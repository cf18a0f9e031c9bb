"""What a user can do on a page, found in the JSON of its document.

Each widget class has a rule that makes the next value from its attributes, as they are now, and a number that counts
up, so that one move after the other is a change. Attributes at their default are not in the JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..clients.protocol import Json, changes, event
from .rules import RULES, options_of, plain, rule_by_shape

#: Labels of what undoes something that another started: whoever stays on a page leaves it running.
_UNDOES = re.compile(
    r"\b(stop|pause|cancel|clear|undo|reset|close|disconnect|halt|hold|delete|remove|log ?out|abort|end|quit|off)\b",
    re.IGNORECASE,
)
#: Names that Panel makes: of a class and a number, and of a part of a template and an address.
NUMBERED = re.compile(r"[A-Z][A-Za-z]+\d{5,}|[a-z_]+-\d{9,}")
#: A wrong password may lock an account, and a file is not ours to invent.
LEFT_ALONE = ("PasswordInput", "FileInput", "FileDropper")


#: Sliders report the end of a drag as well; Panel's throttled parameters listen to it.
THROTTLED = (
    "Slider",
    "DateSlider",
    "DatetimeSlider",
    "RangeSlider",
    "DateRangeSlider",
    "DatetimeRangeSlider",
    "Player",
)
BUTTONS = ("Button", "ButtonIcon")
SWITCHES = ("Toggle", "ToggleIcon", "Switch", "Checkbox")
#: Panel's components in JavaScript: the parameters are attributes of a model under ``data``.
COMPONENTS = ("ReactiveESM", "ReactComponent", "AnyWidgetComponent", "ReactiveHTML")


class Control:
    """One widget or button of a page.

    Args:
        model: its JSON.
        make: returns what its n-th use sends, the events of one PATCH-DOC.
        opens: whether a use shows more of the page.
        least: how many uses show all of it.

    Attributes:
        id: of the model.
        name: its class and label.
        label: what a user reads beside it; empty without one.
        starts: whether a use may start something that goes on.
        undoes: whether its label says that it ends what another started.
        disabled: whether the page lets nobody use it.
    """

    def __init__(self, model: Json, make: Callable[[int], list[Json]], opens: bool = False, least: int = 0) -> None:
        self.move, self.opens, self.least = make, opens, least
        self.id, self.name, self.label = model["id"], name_of(model), _label(model)
        self.starts = kind_of(model) in (*BUTTONS, *SWITCHES) or "clicks" in _data(model)
        self.undoes = bool(_UNDOES.search(_label(model)))
        self.disabled = bool(model["attributes"].get("disabled") or _data(model).get("disabled"))


def kind_of(model: Json) -> str:
    """Return the class of a model without its module."""
    return str(model["name"]).rsplit(".", 1)[-1]


def name_of(model: Json) -> str:
    """Return how a report names a model: its class, and its label if it has one."""
    label = _label(model)
    return f"{kind_of(model)} {label!r}" if label else kind_of(model)


def left_alone(model: Json) -> str:
    """Return the name of a widget that no visitor fills in, else nothing."""
    return name_of(model) if kind_of(model) in LEFT_ALONE else ""


def _label(model: Json) -> str:
    for attributes in (model["attributes"], _data(model)):
        for key in ("label", "title", "name"):
            # Panel numbers what has no name: Card00132.
            if isinstance(label := attributes.get(key), str) and label and not NUMBERED.fullmatch(label):
                return label[:60]
    return ""


def _data(model: Json) -> Json:
    """Return the attributes of the model that holds the parameters of a component in JavaScript."""
    data = model["attributes"].get("data")
    found = data.get("attributes") if isinstance(data, dict) else None
    return found if isinstance(found, dict) and kind_of(model) in COMPONENTS else {}


def control(model: Json) -> Control | None:
    """Return what a user can do with a model, None if it is nothing."""
    kind = kind_of(model)
    attributes = model["attributes"]
    if kind in BUTTONS:
        return Control(model, lambda n: [event("button_click", {"model": {"id": model["id"]}})])
    if kind == "Dropdown":
        return _menu(model)
    if kind == "Card":
        shut = attributes.get("collapsed", True) and attributes.get("collapsible", True)
        shut = shut and not attributes.get("hide_header")
        return Control(model, lambda n: changes(model, {"collapsed": False}), opens=True) if shut else None
    if kind in COMPONENTS:
        return _component(model)
    if kind == "ChatAreaInput":
        return _chat(model)
    if kind not in RULES:
        return None
    attribute, rule = RULES[kind]
    if rule(attributes, 0) is None:
        return None
    throttled = kind in THROTTLED

    def move(n: int) -> list[Json]:
        value = rule(attributes, n)
        return changes(model, {attribute: value, **({"value_throttled": value} if throttled else {})})

    tabs = len(attributes.get("tabs") or ()) if kind == "Tabs" else 0
    return Control(model, move, least=tabs)


def _menu(model: Json) -> Control | None:
    items = [item for item in options_of(model["attributes"].get("menu")) if item is not None]
    if not items:
        return None

    def move(n: int) -> list[Json]:
        return [event("menu_item_click", {"model": {"id": model["id"]}, "item": items[n % len(items)]})]

    return Control(model, move)


def _chat(model: Json) -> Control | None:
    """Type a message and press Enter, where the app listens to that."""
    subscribed = model["attributes"].get("subscribed_events")
    names = subscribed.get("entries", ()) if isinstance(subscribed, dict) else ()
    if "chat_message_event" not in names:
        return None

    def move(n: int) -> list[Json]:
        return [event("chat_message_event", {"model": {"id": model["id"]}, "value": f"soak {n + 1}"})]

    return Control(model, move)


def _component(model: Json) -> Control | None:
    data, attributes = model["attributes"].get("data"), _data(model)
    if not isinstance(data, dict) or "id" not in data:
        return None
    value = attributes.get("value")
    if "clicks" in attributes and "value" not in attributes:
        return Control(model, lambda n: changes(data, {"clicks": plain(attributes.get("clicks"), 0) + 1}))
    rule = rule_by_shape(attributes, value)
    return None if rule is None else Control(model, lambda n: changes(data, {"value": rule(attributes, n)}))
