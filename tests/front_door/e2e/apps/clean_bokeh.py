"""Healthy: a plot, a slider, a periodic callback with rollover."""

import numpy as np
from bokeh.io import curdoc
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, Slider
from bokeh.plotting import figure

x = np.linspace(0, 10, 500)
source = ColumnDataSource({"x": x, "y": np.sin(x)})
plot = figure(height=200, width=400)
plot.line("x", "y", source=source)
k = Slider(title="k", name="k", start=0, end=1000, value=1)
k.on_change("value", lambda attr, old, new: source.data.update(y=np.sin(new * x)))
curdoc().add_periodic_callback(lambda: source.stream({"x": [0.0], "y": [0.0]}, rollover=500), 200)
curdoc().add_root(column(k, plot))
