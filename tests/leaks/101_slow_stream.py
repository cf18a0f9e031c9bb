"""panel serve.  Growth inside a session, by itself and slow: a table that is streamed into, which keeps all rows."""
import numpy as np
import pandas as pd
import panel as pn

pn.extension("tabulator")


def rows() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(1).random((4000, 4)), columns=list("abcd"))


table = pn.widgets.Tabulator(rows(), show_index=False)
pn.state.add_periodic_callback(lambda: table.stream(rows(), follow=False), period=250)
pn.Column(table).servable()
