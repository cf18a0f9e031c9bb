"""What a visitor may use: only what can be seen, and what opens a closed part first."""

from __future__ import annotations

from typing import Any

from bokeh_exporter.soak.page import Page
from bokeh_exporter.soak.streams import Streamed, unbounded

Json = dict[str, Any]


def model(name: str, id: str, /, **attributes: Any) -> Json:
    return {"type": "object", "name": name, "id": id, "attributes": attributes}


def page(*roots: Json) -> Page:
    return Page({"roots": list(roots)})


def names(page: Page) -> list[str]:
    return [control.name for control in page.visible()]


def test_what_is_hidden_or_in_something_hidden_is_not_used_and_the_reason_is_said() -> None:
    shown = page(
        model("Column", "c", children=[
            model("Button", "b1", label="Ask"), model("Button", "b2", label="Clear", visible=False),
            model("Row", "r", visible=False, children=[model("Button", "b3", label="Undo")]),
            model("Button", "b4", label="Later", disabled=True), model("PasswordInput", "p", title="Password"),
            # Naming a model in a callback does not show it.
            model("Button", "b5", label="JS", js_property_callbacks={"x": [model("Button", "b6", label="Named")]}),
        ]),
    )  # fmt: skip
    assert names(shown) == ["Button 'Ask'", "Button 'JS'"]
    assert shown.not_usable() == {
        "Button 'Clear'": "not visible", "Button 'Undo'": "not visible", "Button 'Later'": "disabled",
        "Button 'Named'": "not visible", "PasswordInput 'Password'": "soak does not fill in passwords or files",
    }  # fmt: skip
    shown.apply({"kind": "ModelChanged", "model": {"id": "b2"}, "attr": "visible", "new": True})
    assert "Button 'Clear'" in names(shown)


def test_tabs_and_cards_are_opened_before_the_rest_is_used() -> None:
    tabs = [model("TabPanel", f"t{n}", child=model("Button", f"b{n}", label=f"In {n}")) for n in range(3)]
    shown = page(
        model("Button", "b", label="Outside"), model("panel.models.tabs.Tabs", "tabs", tabs=tabs),
        model("panel.models.layout.Card", "card", name="Card00012",
              children=[model("HTML", "h"), model("Slider", "s", title="Inside", start=0, end=3, value=0)]),
    )  # fmt: skip
    used = []
    while (control := shown.next(1)) is not None:
        used.append(control.name)
        shown.count(control)
        for event in control.move(0):
            shown.apply(event)
    assert used[0] == "Card"
    assert set(used) == {"Card", "Tabs", "Slider 'Inside'", "Button 'Outside'", *(f"Button 'In {n}'" for n in range(3))}


def test_whoever_stays_on_a_page_does_not_stop_what_was_started() -> None:
    shown = page(model("Button", "b1", label="Play"), model("Button", "b2", label="Pause"))
    control = shown.next(1, undoing=False)
    assert control is not None
    assert (control.name, control.starts) == ("Button 'Play'", True)
    shown.count(control)
    assert shown.next(1, undoing=False) is None
    assert shown.next(1) is not None


def stream(*rollovers: int | None) -> list[Streamed]:
    data = {
        "type": "map",
        "entries": [["x", {"type": "ndarray", "shape": [200], "dtype": "float64"}], ["y", [1] * 200]],
    }
    found = []
    for number, rollover in enumerate(rollovers):
        event = {"kind": "ColumnsStreamed", "model": {"id": "s"}, "data": data, "rollover": rollover}
        found.append(Streamed.of(event, 2.0 * number))
    return [each for each in found if each is not None]


def test_a_stream_without_a_bound_that_stays_grows_and_a_bounded_one_does_not() -> None:
    for bounds, grows in (
        ((None,) * 6, True), ((400, 600, 800, 1000, 1200, 1400), True), ((10**6,) * 6, False),
        ((400, 600, 600, 600, 600, 600), False), ((None, None), False),
    ):  # fmt: skip
        assert bool(unbounded(stream(*bounds), 0, 60)) == grows, bounds
    only = unbounded(stream(*(None,) * 6), 0, 60)[0]
    assert (only.rows_per_second, only.bytes_per_second) == (100, 1600)
    # While the page was used, rows may come of that.
    assert unbounded(stream(*(None,) * 6), 8, 60) == []
