"""bokeh serve.  Session leak: an exception is kept, its traceback keeps the frames, and these the Document."""

from acme import tracing
from bokeh.io import curdoc
from bokeh.models import Div

div = Div(text="-")
curdoc().add_root(div)


def load(document, target):
    rows = {"document": document, "target": target}
    return rows["missing"]


tracing.guarded(load, curdoc(), div)
