"""panel serve.  Growth inside a session, by itself: a periodic callback of Panel's streams into a source that keeps it all."""
import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

pn.extension()

rows = 60_000
source = ColumnDataSource({"a": np.zeros(0), "b": np.zeros(0)})
plot = figure(width=300, height=200)
plot.line("a", "b", source=source)
pn.state.add_periodic_callback(
    lambda: source.stream({"a": np.random.random(rows), "b": np.random.random(rows)}), period=400
)
pn.Column("# Measurements", plot).servable()
