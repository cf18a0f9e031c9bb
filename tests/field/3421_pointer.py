"""holoviz/holoviews#3421 and holoviz/panel#212: a DynamicMap that follows the pointer."""

import holoviews as hv
import numpy as np
import panel as pn

hv.extension("bokeh")
points = hv.Points(np.random.default_rng(0).random((200, 2))).opts(width=300, height=300)
pointer = hv.streams.PointerXY(x=0.5, y=0.5, source=points)


def cross(x: float, y: float) -> hv.Overlay:
    return hv.HLine(y or 0) * hv.VLine(x or 0)


n = pn.widgets.FloatSlider(name="x", start=0, end=1)
pn.bind(lambda x: pointer.event(x=x, y=x), n, watch=True)
pn.Column(n, points * hv.DynamicMap(cross, streams=[pointer])).servable()
