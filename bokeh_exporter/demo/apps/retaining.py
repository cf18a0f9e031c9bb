"""An app that keeps its sessions: a list that outlives them has a function of each."""

import math

from bokeh.document import Document
from bokeh.io import curdoc
from bokeh.layouts import column
from bokeh.models import Div, Slider
from bokeh.plotting import figure

from bokeh_exporter.demo.listeners import LISTENERS

X = [step / 50 for step in range(500)]
plot = figure(height=320, sizing_mode="stretch_width", toolbar_location=None)
line = plot.line(X, [math.sin(x) for x in X], line_width=2)
slider = Slider(start=1, end=9, step=1, value=1, title="Width")


def widen(attribute: str, old: float, new: float) -> None:
    """Draw a wider line."""
    line.glyph.line_width = new


def listen(document: Document) -> None:
    """Leak: the list is in a module, which outlives the session, and the function in it refers to its document."""
    LISTENERS.append(lambda: document.title or "")


slider.on_change("value", widen)
listen(curdoc())
curdoc().add_root(column(Div(text="<h2>Retaining</h2>"), slider, plot, sizing_mode="stretch_width"))
curdoc().title = "Retaining"
