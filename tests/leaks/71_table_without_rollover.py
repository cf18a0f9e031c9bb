"""panel serve.  Growth inside a session, by itself: a periodic callback streams rows into a table that keeps them all."""

import numpy as np
import pandas as pd
import panel as pn

pn.extension("tabulator")

rows = 20_000
table = pn.widgets.Tabulator(
    pd.DataFrame({"a": np.zeros(rows), "b": np.zeros(rows)}), pagination="remote", page_size=10, disabled=True
)


def more():
    table.stream(pd.DataFrame({"a": np.random.random(rows), "b": np.random.random(rows)}))


pn.state.add_periodic_callback(more, period=250)
table.servable()
