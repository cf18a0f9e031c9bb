"""process_growth of buffers: every visit leaves an array in an imported module, and nothing of Bokeh.

So large that they are a megabyte a second in all, however many visits a busy machine manages.
"""

import time

import company
import numpy as np
from bokeh.io import curdoc
from bokeh.models import Slider

wanted = int(time.monotonic() - company.BEGAN) * 131_072 - sum(map(len, company.KEPT))
company.KEPT.append(np.ones(max(wanted, 1)))
curdoc().add_root(Slider(title="k", name="k", start=0, end=1000, value=1))
