"""bokeh serve.  Growth inside a session: removed glyphs are kept in an undo list; they belong to no document."""

from bokeh.io import curdoc
from bokeh.models import Button, ColumnDataSource, Scatter
from bokeh.plotting import figure

plot = figure(width=300, height=200)
undo = []


def redraw():
    while plot.renderers:
        undo.append(plot.renderers.pop())
    plot.add_glyph(ColumnDataSource({"x": [1, 2], "y": [1, len(undo)]}), Scatter(x="x", y="y"))


button = Button(label="redraw")
button.on_click(redraw)
curdoc().add_root(button)
curdoc().add_root(plot)
redraw()
