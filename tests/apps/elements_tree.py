"""panel serve: functions that build plots, one that makes another run again, and a stream of mouse moves."""

import holoviews as hv
import numpy as np
import panel as pn
import param
from bokeh.plotting import figure

hv.extension("bokeh")
pn.extension()
rows = pn.widgets.IntSlider(start=0, end=1000)
factor = pn.widgets.IntSlider(name="factor", start=0, end=1000)
note = pn.pane.Markdown("nothing yet")
pointer = hv.streams.PointerXY(x=0, y=0)
lonely = pn.widgets.Button(name="lonely")
unused = pn.widgets.Checkbox(name="unused")


def wave(rows: int, factor: int) -> figure:
    plot = figure(width=300, height=200)
    plot.line(np.arange(rows + 2), factor * np.arange(rows + 2))
    return plot


def table(rows: int) -> pn.Column:
    column = pn.Column(pn.pane.Markdown("# a"))
    column.append(pn.pane.Markdown(f"{rows} rows"))
    return column


def follows(event: param.parameterized.Event) -> None:
    factor.value = event.new


def cross(x: float, y: float) -> hv.Points:
    return hv.Points([(0, 0), (x, y), (9, 9)])  # the mouse stays within


rows.param.watch(follows, "value")
moved = hv.DynamicMap(cross, streams=[pointer])
pn.Column(rows, factor, lonely, pn.bind(wave, rows, factor), pn.bind(table, rows), note, moved).servable()
