"""A stream whose rollover is its present length and more, so that it never rolls over; with ?bounded=1 it does.

After bokeh/bokeh#8690.
"""

from bokeh.io import curdoc
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

bounded = "bounded" in curdoc().session_context.request.arguments
source = ColumnDataSource({"x": [0.0] * 20, "y": [0.0] * 20})
plot = figure(height=100)
plot.line("x", "y", source=source)


def tick() -> None:
    size = len(source.data["x"])
    source.stream({"x": [1.0] * 20, "y": [1.0] * 20}, rollover=200 if bounded else size + 20)


curdoc().add_periodic_callback(tick, 100)
curdoc().add_root(plot)
