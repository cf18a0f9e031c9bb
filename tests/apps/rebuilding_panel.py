"""panel serve: a slider ``n`` on which a bound function depends that makes a new column each time."""

import panel as pn

pn.extension()
n = pn.widgets.IntSlider(name="n", start=0, end=1000, value=0)


def view(n: int) -> pn.Column:
    return pn.Column(pn.widgets.TextInput(name="out", value=f"n = {n}"))


pn.Column(n, pn.panel(pn.bind(view, n))).servable()
