"""bokeh/bokeh#7044: each session's script has a large variable of its own."""

from bokeh.io import curdoc
from bokeh.plotting import figure

large = bytearray(5_000_000)
plot = figure(width=200, height=200)
plot.line([0, 1], [0, len(large)])
curdoc().add_root(plot)
