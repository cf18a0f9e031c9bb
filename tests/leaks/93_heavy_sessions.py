"""panel serve.  NOT a leak: 40 MB in each session, all of which goes with it."""

import numpy as np
import pandas as pd
import panel as pn

pn.extension()

frame = pd.DataFrame(np.random.default_rng(2).random((1_250_000, 4)), columns=list("abcd"))
rows = pn.widgets.IntSlider(name="rows", start=1, end=50, value=5)
pn.Column(rows, pn.bind(lambda rows: pn.pane.DataFrame(frame.head(rows)), rows)).servable()
