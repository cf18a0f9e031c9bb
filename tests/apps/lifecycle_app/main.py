"""A directory app whose hooks are in server_lifecycle.py: a slider ``n`` that writes into ``out``."""

from bokeh.io import curdoc
from bokeh.models import Column, Div, Slider

n = Slider(name="n", title="n", start=0, end=1000, value=0)
out = Div(name="out", text="n = 0")


def moved(attr: str, old: int, new: int) -> None:
    out.text = f"n = {new}"


n.on_change("value", moved)
curdoc().add_root(Column(children=[n, out]))
