"""bokeh/bokeh#11477: a button with a callback that does nothing kept the models of its session."""

import numpy as np
from bokeh.io import curdoc
from bokeh.layouts import column
from bokeh.models import Button, ColumnDataSource
from bokeh.plotting import figure

source = ColumnDataSource({"x": np.arange(20_000), "y": np.random.default_rng(0).random(20_000)})
plot = figure(width=300, height=200)
plot.scatter("x", "y", source=source)
button = Button(label="nothing", name="nothing")


def nothing() -> None:
    pass


button.on_click(nothing)
curdoc().add_root(column(button, plot))
