"""bokeh serve.  Session leak, models only: each figure is appended to a list of an imported module, for a report."""

from acme import registry
from bokeh.io import curdoc
from bokeh.models import Slider
from bokeh.plotting import figure

plot = figure(width=300, height=200)
renderer = plot.line([1, 2, 3], [1, 4, 9])
width = Slider(title="width", start=1, end=9, value=1)
width.on_change("value", lambda attr, old, new: renderer.glyph.update(line_width=new))
registry.FIGURES.append(plot)
curdoc().add_root(width)
curdoc().add_root(plot)
