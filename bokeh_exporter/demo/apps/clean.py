"""A clean app: the slider changes the data of one plot, and nothing outlives the session."""

import math

from bokeh.io import curdoc
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, Div, Slider
from bokeh.plotting import figure

X = [step / 50 for step in range(500)]


def wave(frequency: float) -> dict[str, list[float]]:
    """Return the points of a wave."""
    return {"x": X, "y": [math.sin(frequency * x) for x in X]}


source = ColumnDataSource(wave(1))
plot = figure(height=320, sizing_mode="stretch_width", toolbar_location=None)
plot.line("x", "y", source=source, line_width=2)
slider = Slider(start=1, end=9, step=1, value=1, title="Frequency")


def draw(attribute: str, old: float, new: float) -> None:
    """Change the data, and nothing else."""
    source.data = wave(new)


slider.on_change("value", draw)
curdoc().add_root(column(Div(text="<h2>Clean</h2>"), slider, plot, sizing_mode="stretch_width"))
curdoc().title = "Clean"
