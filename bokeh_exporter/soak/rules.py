"""Rules that make the next value of a widget: one for each class, or by the shape of the value."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from ..clients.protocol import Json

# --- the rules: attributes and a number to the next value, None where there is nothing to do ----------


def _number(attributes: Json, n: int) -> Any:
    """A step further between start and end, round and round, and never where it stands already."""
    low, high = _end(attributes, "start", "low", default=0), _end(attributes, "end", "high", default=None)
    step = plain(attributes.get("step"), 1) or 1
    if high is None:
        high = low + 100 * step
    places = max(1, int((high - low) / step + 1e-9))
    at = round((plain(attributes.get("value"), low) - low) / step)
    value = low + ((at + 1) % (places + 1)) * step
    return round(value, 10) if isinstance(value, float) else value


def _range(attributes: Json, n: int) -> Any:
    low, high = _end(attributes, "start", default=0), _end(attributes, "end", default=1)
    width = (high - low) / 8
    return [low + width * (n % 4), high - width * ((n // 4) % 4)]


def _choice(attributes: Json, n: int) -> Any:
    options = options_of(attributes.get("options"))
    if not options:
        return None
    value = attributes.get("value")
    at = options.index(value) if value in options else -1
    return options[(at + 1) % len(options)]


def _choices(attributes: Json, n: int) -> Any:
    options = options_of(attributes.get("options"))
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
    return not attributes.get("active")


def _toggle_value(attributes: Json, n: int) -> Any:
    return not attributes.get("value")


def _tick(attributes: Json, n: int) -> Any:
    labels = attributes.get("labels") or []
    return [n % len(labels)] if labels else None


def _radio(attributes: Json, n: int) -> Any:
    labels = attributes.get("labels") or []
    return ((attributes.get("active") or 0) + 1) % len(labels) if labels else None


def _tab(attributes: Json, n: int) -> Any:
    tabs = attributes.get("tabs") or []
    return ((attributes.get("active") or 0) + 1) % len(tabs) if len(tabs) > 1 else None


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
    "DatePicker": ("value", _date), "ColorPicker": ("color", _colour),
}  # fmt: skip


def rule_by_shape(attributes: Json, value: Any) -> Callable[[Json, int], Any] | None:
    """Return the rule for the value of a component whose class is not known."""
    if isinstance(value, bool):
        return _toggle_value
    if options_of(attributes.get("options")):
        return _choices if isinstance(value, list) else _choice
    if isinstance(value, (int, float)):
        return _number
    return _text if isinstance(value, str) else None


# --- reading the JSON ---------------------------------------------------------------------------------


def plain(value: Any, default: Any) -> Any:
    """Return a number as it is, anything else as the default."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else default


def _end(attributes: Json, *names: str, default: Any) -> Any:
    return next((attributes[name] for name in names if plain(attributes.get(name), None) is not None), default)


def options_of(options: Any) -> list[Any]:
    """Return the values of options: texts, pairs of value and label, or either in named groups."""
    if isinstance(options, dict):
        entries = options["entries"] if options.get("type") == "map" else list(options.items())
        return [value for _, group in entries for value in options_of(group)]
    if not isinstance(options, list):
        return []
    return [option[0] if isinstance(option, list) and option else option for option in options]
