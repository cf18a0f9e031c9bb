"""An app that rebuilds everything at each step of the slider: it looks right, and is expensive."""

import math

from bokeh.io import curdoc
from bokeh.layouts import column
from bokeh.models import Div, Slider
from bokeh.plotting import figure

X = [step / 50 for step in range(500)]


def wave(frequency: float) -> figure:
    """Return a new figure, thirty models and more."""
    plot = figure(height=320, sizing_mode="stretch_width", toolbar_location=None)
    plot.line(X, [math.sin(frequency * x) for x in X], line_width=2)
    return plot


slider = Slider(start=1, end=9, step=1, value=1, title="Frequency")
layout = column(Div(text="<h2>Rebuilding</h2>"), slider, wave(1), sizing_mode="stretch_width")


def rebuild(attribute: str, old: float, new: float) -> None:
    """Put a new plot in the place of the old one, where changing its data would do."""
    layout.children[2] = wave(new)


slider.on_change("value", rebuild)
curdoc().add_root(layout)
curdoc().title = "Rebuilding"
