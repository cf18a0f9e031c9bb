"""bokeh serve: a callback that builds again, and one that makes Bokeh walk a large document for each of its changes."""

from bokeh.io import curdoc
from bokeh.models import Column, Div, Row, Slider

swap = Slider(name="swap", title="swap", start=0, end=9, step=1, value=0)
turn = Slider(name="turn", title="turn", start=0, end=9, step=1, value=0)
out = Column(children=[Div(text="0")])
pairs = [Row(children=[Div(text="a"), Div(text="b")]) for _ in range(8)]
large = Column(children=[Div(text=str(number)) for number in range(600)])


def swapped(attr: str, old: int, new: int) -> None:
    out.children = [Div(text=str(new), width=200)]


def turned(attr: str, old: int, new: int) -> None:
    """Turn each pair around."""
    for pair in pairs:
        first, second = pair.children

        pair.children = [second, first]


swap.on_change("value", swapped)
turn.on_change("value", turned)
curdoc().add_root(Column(children=[swap, turn, out, *pairs, large]))
