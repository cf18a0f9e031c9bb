"""bokeh serve.  Process growth, native: a library in C allocates for each visit, and Python knows nothing of it."""

from acme import native
from bokeh.io import curdoc
from bokeh.models import Div

for _ in range(64):
    native.query(50_000)
curdoc().add_root(Div(text="3 MB of results"))
