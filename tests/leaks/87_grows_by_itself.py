"""bokeh serve.  Process growth, objects, whoever visits: a thread of the process records what it sees for ever."""

from acme import ticker
from bokeh.io import curdoc
from bokeh.models import Div

ticker.start()
curdoc().add_root(Div(text="quotes"))
