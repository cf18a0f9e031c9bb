"""panel serve.  Session leak: each session registers its clean-up with atexit, which is the end of the process."""

import atexit

import panel as pn
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

pn.extension()


class Job:
    def __init__(self):
        self.source = ColumnDataSource({"x": [1, 2], "y": [1, 2]})
        plot = figure(width=300, height=200)
        plot.line("x", "y", source=self.source)
        self.layout = pn.Column("# Job", plot)
        atexit.register(self.stop)

    def stop(self):
        self.source.data = {"x": [], "y": []}


Job().layout.servable()
