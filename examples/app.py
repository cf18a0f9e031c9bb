"""A small Panel app: a slider and a plot."""

import math

import panel as pn
from bokeh.plotting import figure

pn.extension()

X = [step / 50 for step in range(500)]


def wave(frequency: float) -> figure:
    """Draw a wave. Each move of the slider makes a new figure, so new models, and drops the old one."""
    plot = figure(height=320, sizing_mode="stretch_width", title=f"sin({frequency:g} x)", toolbar_location=None)
    plot.line(X, [math.sin(frequency * x) for x in X], line_width=2)
    return plot


slider = pn.widgets.FloatSlider(name="Frequency", start=0.5, end=5, step=0.1, value=1)

pn.Column(
    "# A wave\nMove the slider, open this page in a second tab, close one again.",
    slider,
    pn.panel(pn.bind(wave, slider), sizing_mode="stretch_width"),
    sizing_mode="stretch_width",
).servable(title="A wave")
