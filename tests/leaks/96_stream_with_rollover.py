"""bokeh serve.  NOT a leak: a fast stream into a source that rolls over, and glyphs that are replaced at each click."""

import numpy as np
from bokeh.io import curdoc
from bokeh.models import Button, ColumnDataSource
from bokeh.plotting import figure

rng = np.random.default_rng(3)
source = ColumnDataSource({"t": np.zeros(1), "v": np.zeros(1)})
plot = figure(width=300, height=200)
plot.line("t", "v", source=source)
button = Button(label="redraw")


def step():
    source.stream({"t": np.arange(5_000.0), "v": rng.random(5_000)}, rollover=50_000)


def redraw():
    plot.renderers = plot.renderers[:1]
    plot.scatter([1, 2], [3, 4])


button.on_click(redraw)
curdoc().add_periodic_callback(step, 100)
curdoc().add_root(button)
curdoc().add_root(plot)
