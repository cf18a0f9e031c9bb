"""bokeh serve: one of many widgets, which say on standard output what they are changed to."""

from typing import Any

from bokeh.io import curdoc
from bokeh.models import (
    AutocompleteInput,
    Button,
    Checkbox,
    CheckboxGroup,
    DatePicker,
    DateRangeSlider,
    Dropdown,
    MultiSelect,
    NumericInput,
    PasswordInput,
    RadioButtonGroup,
    RangeSlider,
    Select,
    Slider,
    Spinner,
    Switch,
    TextInput,
    Toggle,
)


def told(widget: Any, attribute: str) -> Any:
    widget.on_change(attribute, lambda attr, old, new: print(f"moved {widget.name} {new!r}", flush=True))
    return widget


button = Button(label="go", name="button")
button.on_click(lambda: print("moved button", flush=True))
menu = Dropdown(label="menu", menu=[("One", "one"), None, ("Two", "two")], name="menu")
menu.on_click(lambda event: print(f"moved menu {event.item}", flush=True))
roots = [
    button, menu,
    told(Slider(start=0, end=1, step=0.1, value=1, name="slider"), "value_throttled"),
    told(RangeSlider(start=0, end=8, value=(1, 2), name="range"), "value"),
    told(
        DateRangeSlider(start="2024-01-01", end="2024-03-01", value=("2024-01-02", "2024-02-01"), name="dates"), "value"
    ),
    told(Select(options=[("a", "A"), ("b", "B")], value="a", name="select"), "value"),
    told(Select(options={"x": ["one"], "y": ["two", "three"]}, name="groups"), "value"),
    told(MultiSelect(options=["a", "b"], name="multi"), "value"),
    told(Checkbox(label="c", name="checkbox"), "active"),
    told(Switch(active=True, name="switch"), "active"),
    told(Toggle(label="t", name="toggle"), "active"),
    told(CheckboxGroup(labels=["a", "b"], name="ticks"), "active"),
    told(RadioButtonGroup(labels=["a", "b"], active=0, name="radio"), "active"),
    told(TextInput(name="text"), "value"),
    told(AutocompleteInput(completions=["ann", "bob"], name="complete"), "value"),
    told(NumericInput(value=3, low=1, high=4, name="number"), "value"),
    told(Spinner(value=3, step=2, low=1, name="spinner"), "value"),
    told(DatePicker(value="2024-05-01", name="day"), "value"),
    told(PasswordInput(name="password"), "value"),
    told(Slider(start=0, end=9, value=1, disabled=True, name="disabled"), "value"),
]  # fmt: skip
for root in roots:
    curdoc().add_root(root)
