"""What a function built is listed once, however many steps brought it into the page."""

from __future__ import annotations

import pytest

from bokeh_exporter.state.ledger.tree import Tree

pytestmark = pytest.mark.once


def test_a_plot_that_a_pane_renders_for_a_function_is_one_element() -> None:
    tree = Tree()
    tree.ran(None, "app.py:by_month", 1, 0.05, 0.05, False)
    # A library's line makes it; it is rendered before it is known which function's result the pane shows.
    tree.came(None, "holoviews", "Bars", None, None, None, "rendered", "", 1.1, 1.3)
    tree.came("app.py:by_month", "holoviews", "Bars", None, None, None, "rebuilt", "HoloViews", 1.0, 1.6)
    (node,) = tree.as_json()
    (element,) = node["elements"]
    assert (node["name"], element["class"], element["how"], element["inside"]) == (
        "app.py:by_month", "Bars", "rebuilt", "HoloViews",
    )  # fmt: skip
    assert element["count"] == 1
    assert element["seconds"] == pytest.approx(0.6), "the rendering is part of it"
