"""bokeh serve: has tornado write every request into its access log; by itself it writes those that failed."""

import logging

from bokeh.io import curdoc
from bokeh.models import Div

logging.getLogger("tornado.access").setLevel(logging.INFO)
curdoc().add_root(Div(name="out", text="every request is logged"))
