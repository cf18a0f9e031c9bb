"""Healthy but wasteful: each event builds a new layout and a new plot, and a button's callback fails."""

import holoviews as hv
import numpy as np
import panel as pn
from bokeh.models import Div

pn.extension()
hv.extension("bokeh")
k = pn.widgets.IntSlider(name="k", start=0, end=1000, value=1)
fail = pn.widgets.Button(name="fail")
xs = np.linspace(0, 10, 200)
spare: list[object] = []


def load(k: int) -> list[float]:
    return [float(k)]


cached = pn.cache(load, max_items=5)


def layout(k: int) -> pn.Column:
    spare[:] = [Div(text="made and never added")]
    return pn.Column(pn.pane.Markdown(f"**k = {cached(k)[0]}**"), pn.widgets.TextInput(name="note"))


def fails(event: object) -> None:
    raise ValueError("as it must")


fail.on_click(fails)
curve = hv.DynamicMap(lambda k: hv.Curve((xs, np.sin(k * xs))), streams={"k": k.param.value})
pn.Column(k, fail, pn.bind(layout, k), pn.bind(lambda k: hv.Curve((xs, k * xs)), k), curve).servable()
