"""process_growth of buffers: every visit leaves an array in an imported module, and nothing of Bokeh."""

import company
import numpy as np
from bokeh.io import curdoc
from bokeh.models import Slider

company.KEPT.append(np.ones(300_000))
curdoc().add_root(Slider(title="k", name="k", start=0, end=1000, value=1))
