"""retained_sessions: every visit's Document and one of its models go into a list of an imported module."""

import company
from bokeh.io import curdoc
from bokeh.layouts import column
from bokeh.models import Div, Slider

k = Slider(title="k", name="k", start=0, end=1000, value=1)
shown = Div(text="")
company.KEPT.append((curdoc(), shown))
k.on_change("value", lambda attr, old, new: shown.update(text=str(new)))
curdoc().add_root(column(k, shown))
