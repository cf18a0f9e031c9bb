"""bokeh serve: callbacks that raise, of a slider ``n`` and a button ``go``."""

from bokeh.io import curdoc
from bokeh.models import Button, Column, Slider

n = Slider(name="n", title="n", start=0, end=1000, value=0)
go = Button(name="go", label="go")


def moved(attr: str, old: int, new: int) -> None:
    raise ValueError(f"moved to {new}")


def press() -> None:
    raise ValueError("pressed")


n.on_change("value", moved)
go.on_click(press)
curdoc().add_root(Column(children=[n, go]))
