"""bokeh serve: a slider ``n`` that writes into ``out``, and a button ``go`` that counts into it."""

from bokeh.io import curdoc
from bokeh.layouts import column
from bokeh.models import Button, Div, Slider

n = Slider(name="n", title="n", start=0, end=1000, value=0)
go = Button(name="go", label="go")
out = Div(name="out", text="n = 0")
pressed = 0


def moved(attr: str, old: int, new: int) -> None:
    out.text = f"n = {new}"


def press() -> None:
    global pressed
    pressed += 1
    out.text = f"go = {pressed}"


n.on_change("value", moved)
go.on_click(press)
curdoc().add_root(column(n, go, out))
