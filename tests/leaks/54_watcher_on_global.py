"""panel serve.  Session leak: a viewer of each session watches a parameter of a process-wide object with its own method."""

import panel as pn
import param
from acme.settings import GLOBAL
from bokeh.plotting import figure

pn.extension()


class Viewer(pn.viewable.Viewer):
    level = param.Number(1)

    def __init__(self, **params):
        super().__init__(**params)
        self._plot = figure(width=300, height=200)
        self._plot.line([0, 1], [0, 1])
        self._layout = pn.Column(pn.widgets.FloatSlider.from_param(self.param.level), self._plot)
        GLOBAL.param.watch(self._refresh, "threshold")

    def _refresh(self, event):
        self._plot.title.text = f"threshold {event.new}"

    def __panel__(self):
        return self._layout


Viewer().servable()
