"""bokeh serve: a script that raises."""

from bokeh.io import curdoc
from bokeh.models import Div

curdoc().add_root(Div(name="out", text="never seen"))
raise ValueError("raising_bokeh.py raises")
