"""bokeh serve: sliders that rebuild or change data in place, a callback that raises, a column by a function."""

from bokeh.io import curdoc
from bokeh.layouts import column
from bokeh.models import Button, ColumnDataSource, Div, Select, Slider, TabPanel, Tabs
from bokeh.plotting import figure

source = ColumnDataSource({"x": [1, 2, 3], "y": [1, 2, 3]})
plot = figure(height=100)
plot.line("x", "y", source=source)
spare = Div(text="nobody shows me")
renew = Slider(title="Renew", start=0, end=9, step=1, value=0)
data = Slider(title="Data", start=0, end=9, step=1, value=0)
fails = Select(title="Fails", options=["a", "b"], value="a")
press = Button(label="Press")
inner = Slider(title="Inner", start=0, end=9, step=1, value=0)
tabs = Tabs(tabs=[TabPanel(child=Div(text="one"), title="one"), TabPanel(child=inner, title="two")])
out = column(Div(text="0"))


def words(n: int) -> Div:
    return Div(text=str(n))


def renewed(attr: str, old: int, new: int) -> None:
    out.children = [words(new), words(new)]


def moved(attr: str, old: int, new: int) -> None:
    source.data = {"x": [1, 2, 3], "y": [new, new, new]}


def failing(attr: str, old: str, new: str) -> None:
    raise KeyError("no such thing")


renew.on_change("value", renewed)
data.on_change("value", moved)
inner.on_change("value", moved)
fails.on_change("value", failing)
curdoc().add_root(column(renew, data, fails, press, tabs, plot, out))
