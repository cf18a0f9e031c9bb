"""bokeh serve.  Growth inside a session: plain Python objects; each move is recorded in full in a list of the page's."""

from bokeh.io import curdoc
from bokeh.models import Slider

history = []


def record(attr, old, new):
    history.append({"old": old, "new": new, "trail": [{"step": float(i), "at": str(i + new)} for i in range(100)]})


k = Slider(title="k", start=0, end=100, value=1)
k.on_change("value", record)
curdoc().add_root(k)
