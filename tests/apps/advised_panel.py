"""panel serve: five shapes that build something again at each move, one slider each."""

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import param

hv.extension("bokeh")
pn.extension("tabulator")
names = ("table", "words", "both", "plot", "swap")
table, words, both, plot, swap = (pn.widgets.IntSlider(name=name, start=0, end=9) for name in names)


def frame(n: int) -> pd.DataFrame:
    return pd.DataFrame({"n": range(n + 1)})


def rows(n: int) -> pn.widgets.Tabulator:
    return pn.widgets.Tabulator(frame(n), pagination="remote")


shown_rows = pn.bind(rows, table)


@pn.depends(words)  # type: ignore[untyped-decorator]
def said(n: int) -> pn.pane.Markdown:
    return pn.pane.Markdown(f"# {n}", width=200)


shown_words = pn.Row(said)


def page(n: int) -> pn.Column:
    return pn.Column(pn.pane.Markdown(f"# {n}"), pn.widgets.Tabulator(frame(n)))


shown_page = pn.Row(pn.bind(page, n=both))


def curve(n: int) -> hv.Curve:
    return hv.Curve(np.arange(n + 2))


shown_plot = pn.bind(curve, plot)


def replaced(event: param.parameterized.Event) -> None:
    shown[0] = pn.pane.Str(f"{event.new}")


shown = pn.Row(pn.pane.Str("0"))
swap.param.watch(replaced, "value")
pn.Column(table, words, both, plot, swap, shown_rows, shown_words, shown_page, shown_plot, shown).servable()
