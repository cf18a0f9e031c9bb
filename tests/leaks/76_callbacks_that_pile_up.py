"""bokeh serve.  Growth inside a session: each move registers one more callback, with what it closes over."""

from bokeh.io import curdoc
from bokeh.models import Slider

k = Slider(title="k", start=0, end=100, value=1)
other = Slider(title="other", start=0, end=100, value=1)


def moved(attr, old, new):
    points = [(float(i), str(i + new)) for i in range(200)]
    other.on_change("value", lambda attr, old, new: len(points))


k.on_change("value", moved)
curdoc().add_root(k)
curdoc().add_root(other)
