"""bokeh/bokeh#12141: a feed streams into a source without rollover, and clicks are answered ever later."""

import itertools

import numpy as np
from bokeh.io import curdoc
from bokeh.models import Button, ColumnDataSource
from bokeh.plotting import figure

source = ColumnDataSource({"time": [], "close": []})
plot = figure(width=300, height=200)
plot.line("time", "close", source=source)
ticks = itertools.count()


def tick() -> None:
    start = next(ticks) * 500
    source.stream({"time": np.arange(start, start + 500), "close": np.ones(500)})


curdoc().add_periodic_callback(tick, 100)
curdoc().add_root(Button(label="go", name="go"))
curdoc().add_root(plot)
