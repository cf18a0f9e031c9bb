"""Apps as functions, and what scripts need to serve them: not an app itself."""

import os
from typing import Any

from bokeh.models import Column, Div, Slider

#: In milliseconds, as every host's options want them.
LIFETIME_MS = int(os.environ.get("LIFETIME_MS", "500"))
CHECK_MS = int(os.environ.get("CHECK_MS", "200"))


def slider(doc: Any) -> None:
    """A Bokeh app: the slider ``n`` writes into ``out``."""
    n = Slider(name="n", title="n", start=0, end=1000, value=0)
    out = Div(name="out", text="n = 0")

    def moved(attr: str, old: int, new: int) -> None:
        out.text = f"n = {new}"

    n.on_change("value", moved)
    doc.add_root(Column(children=[n, out]))


def raising(doc: Any) -> None:
    """A Bokeh app that raises while it is built."""
    raise ValueError("the app function raises")


def panel_slider() -> Any:
    """A Panel app: the text input ``out`` depends on the slider ``n``."""
    import panel as pn

    n = pn.widgets.IntSlider(name="n", start=0, end=1000, value=0)
    return pn.Column(n, pn.widgets.TextInput(name="out", value=pn.bind(lambda n: f"n = {n}", n)))


def panel_raising() -> Any:
    """A Panel app that raises while it is built."""
    raise ValueError("the app function raises")
