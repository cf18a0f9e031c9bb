"""bokeh serve.  Session leak, models only: each page adds a handler to the logger that shows the log in its Div."""

from acme import logs
from bokeh.io import curdoc
from bokeh.models import Div

div = Div(text="log")
logs.logger.addHandler(logs.ToPage(div))
logs.logger.info("a visitor")
curdoc().add_root(div)
