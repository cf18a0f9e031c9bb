"""bokeh serve: the module that Bokeh makes of this script is kept by another one."""

import sys

from bokeh.io import curdoc
from bokeh.models import Div
from truth import KEPT  # type: ignore[import-not-found]

KEPT.append(sys.modules[__name__])
curdoc().add_root(Div(text="held"))
