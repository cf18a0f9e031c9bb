"""bokeh serve.  Session leak, models only: a partial with the data source as its argument is subscribed to a bus."""

import functools

from acme import bus
from bokeh.io import curdoc
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure


def show(source, event):
    source.stream(event, rollover=10)


source = ColumnDataSource({"x": [1, 2], "y": [3, 4]})
plot = figure(width=300, height=200)
plot.scatter("x", "y", source=source)
bus.subscribe(functools.partial(show, source))
curdoc().add_root(plot)
