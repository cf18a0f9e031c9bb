"""panel serve.  NOT a leak, though wasteful: each step rebuilds a Column with a table; the former one goes."""

import pandas as pd
import panel as pn

pn.extension("tabulator")

k = pn.widgets.IntSlider(name="k", start=0, end=1000, value=1)
kind = pn.widgets.Select(name="kind", options=["a", "b", "c"])
go = pn.widgets.Button(name="go")


def view(k, kind):
    return pn.Column(f"## {kind} {k}", pn.widgets.Tabulator(pd.DataFrame({"x": range(k % 20)})))


pn.Column(k, kind, go, pn.bind(view, k, kind)).servable()
