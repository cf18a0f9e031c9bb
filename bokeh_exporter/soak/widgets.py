"""What a user can do on a page, found in the JSON of its document.

Each widget class has a rule that makes the next value from its attributes and a number that counts
up, so that one move after the other is a change. Attributes at their default are not in the JSON.
Passwords and files are left alone: a wrong one may lock an account.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from ..clients.protocol import Json, changes, event, models


class Control:
    """One widget or button of a page; ``move(n)`` is what its n-th use sends, the events of one PATCH-DOC."""

    def __init__(self, make: Callable[[int], list[Json]]) -> None:
        self.move = make


def controls(document: object) -> list[Control]:
    """Return the widgets and buttons of a document's JSON that are not disabled, in its order."""
    found: dict[str, Control] = {}
    for model in models(document):
        control = _control(model)
        if control is not None and not model["attributes"].get("disabled"):
            found.setdefault(model["id"], control)
    return list(found.values())


# --- the rules: attributes and a number to the next value, None where there is nothing to do ----------


def _number(attributes: Json, n: int) -> Any:
    """A step further between start and end, round and round, and never where it stands already."""
    low, high = _end(attributes, "start", "low", default=0), _end(attributes, "end", "high", default=None)
    step = _plain(attributes.get("step"), 1) or 1
    if high is None:
        high = low + 100 * step
    places = max(1, int((high - low) / step + 1e-9))
    at = round((_plain(attributes.get("value"), low) - low) / step)
    value = low + ((at + n + 1) % (places + 1)) * step
    return round(value, 10) if isinstance(value, float) else value


def _range(attributes: Json, n: int) -> Any:
    low, high = _end(attributes, "start", default=0), _end(attributes, "end", default=1)
    width = (high - low) / 8
    return [low + width * (n % 4), high - width * ((n // 4) % 4)]


def _choice(attributes: Json, n: int) -> Any:
    options = _options(attributes.get("options"))
    if not options:
        return None
    value = attributes.get("value")
    at = options.index(value) if value in options else -1
    return options[(at + n + 1) % len(options)]


def _choices(attributes: Json, n: int) -> Any:
    options = _options(attributes.get("options"))
    return [options[n % len(options)]] if options else None


def _category(attributes: Json, n: int) -> Any:
    categories = attributes.get("categories") or []
    return categories[(n + 1) % len(categories)] if categories else None


def _text(attributes: Json, n: int) -> Any:
    completions = attributes.get("completions") or []
    return completions[n % len(completions)] if completions else f"soak {n + 1}"


def _date(attributes: Json, n: int) -> Any:
    try:
        start = datetime.date.fromisoformat(str(attributes.get("min_date") or attributes.get("value"))[:10])
    except ValueError:
        start = datetime.date(2024, 1, 1)
    return (start + datetime.timedelta(days=(n + 1) % 28)).isoformat()


def _colour(attributes: Json, n: int) -> Any:
    return f"#{(n * 0x10F0F3 + 0x204060) % 0x1000000:06x}"


def _toggle(attributes: Json, n: int) -> Any:
    return bool(attributes.get("active")) == bool(n % 2)


def _toggle_value(attributes: Json, n: int) -> Any:
    return bool(attributes.get("value")) == bool(n % 2)


def _tick(attributes: Json, n: int) -> Any:
    labels = attributes.get("labels") or []
    return [n % len(labels)] if labels else None


def _radio(attributes: Json, n: int) -> Any:
    labels = attributes.get("labels") or []
    return ((attributes.get("active") or 0) + n + 1) % len(labels) if labels else None


def _tab(attributes: Json, n: int) -> Any:
    tabs = attributes.get("tabs") or []
    return ((attributes.get("active") or 0) + n + 1) % len(tabs) if len(tabs) > 1 else None


Rule = tuple[str, Callable[[Json, int], Any]]
_SELECT: Rule = ("value", _choice)
_SELECTS: Rule = ("value", _choices)

#: Class without its module -> what a user changes, and how. Panel's own subclasses have the names of Bokeh's.
RULES: Mapping[str, Rule] = {
    "Slider": ("value", _number), "DateSlider": ("value", _number), "DatetimeSlider": ("value", _number),
    "RangeSlider": ("value", _range), "DateRangeSlider": ("value", _range), "DatetimeRangeSlider": ("value", _range),
    "CategoricalSlider": ("value", _category), "Player": ("value", _number), "DiscretePlayer": ("value", _number),
    "Spinner": ("value", _number), "NumericInput": ("value", _number),
    "Select": _SELECT, "CustomSelect": _SELECT, "SingleSelect": _SELECT,
    "MultiSelect": _SELECTS, "CustomMultiSelect": _SELECTS, "MultiChoice": _SELECTS,
    "Checkbox": ("active", _toggle), "Switch": ("active", _toggle), "Toggle": ("active", _toggle),
    "ToggleIcon": ("value", _toggle_value),
    "CheckboxGroup": ("active", _tick), "CheckboxButtonGroup": ("active", _tick),
    "RadioGroup": ("active", _radio), "RadioButtonGroup": ("active", _radio), "Tabs": ("active", _tab),
    "TextInput": ("value", _text), "TextAreaInput": ("value", _text), "AutocompleteInput": ("value", _text),
    "DatePicker": ("value", _date), "ColorPicker": ("value", _colour),
}  # fmt: skip
#: Sliders tell the end of a drag as well; Panel's throttled parameters listen to it.
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
#: Panel's components in JavaScript: the parameters are attributes of a model under ``data``.
COMPONENTS = ("ReactiveESM", "ReactComponent", "AnyWidgetComponent", "ReactiveHTML")


def _control(model: Json) -> Control | None:
    kind = model["name"].rsplit(".", 1)[-1]
    attributes = model["attributes"]
    if kind in BUTTONS:
        return Control(lambda n: [event("button_click", {"model": {"id": model["id"]}})])
    if kind == "Dropdown":
        return _menu(model)
    if kind in COMPONENTS:
        return _component(model)
    if kind not in RULES:
        return None
    attribute, rule = RULES[kind]
    if rule(attributes, 0) is None:
        return None
    throttled = kind in THROTTLED

    def move(n: int) -> list[Json]:
        value = rule(attributes, n)
        return changes(model, {attribute: value, **({"value_throttled": value} if throttled else {})})

    return Control(move)


def _menu(model: Json) -> Control | None:
    items = [item for item in _options(model["attributes"].get("menu")) if item is not None]
    if not items:
        return None
    return Control(lambda n: [event("menu_item_click", {"model": {"id": model["id"]}, "item": items[n % len(items)]})])


def _component(model: Json) -> Control | None:
    data = model["attributes"].get("data")
    if not isinstance(data, dict) or "id" not in data:
        return None
    attributes = data.get("attributes", {})
    value = attributes.get("value")
    if "clicks" in attributes and "value" not in attributes:
        return Control(lambda n: changes(data, {"clicks": _plain(attributes.get("clicks"), 0) + n + 1}))
    rule = _rule_by_shape(attributes, value)
    return None if rule is None else Control(lambda n: changes(data, {"value": rule(attributes, n)}))


def _rule_by_shape(attributes: Json, value: Any) -> Callable[[Json, int], Any] | None:
    if isinstance(value, bool):
        return _toggle_value
    if _options(attributes.get("options")):
        return _choices if isinstance(value, list) else _choice
    if isinstance(value, (int, float)):
        return _number
    return _text if isinstance(value, str) else None


# --- reading the JSON ---------------------------------------------------------------------------------


def _plain(value: Any, default: Any) -> Any:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else default


def _end(attributes: Json, *names: str, default: Any) -> Any:
    return next((attributes[name] for name in names if _plain(attributes.get(name), None) is not None), default)


def _options(options: Any) -> list[Any]:
    """Return the values of options: texts, pairs of value and label, or either in named groups."""
    if isinstance(options, dict):
        entries = options["entries"] if options.get("type") == "map" else list(options.items())
        return [value for _, group in entries for value in _options(group)]
    if not isinstance(options, list):
        return []
    return [option[0] if isinstance(option, list) and option else option for option in options]
