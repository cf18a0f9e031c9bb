"""panel serve.  Growth inside a session: a bind within a bound function, whose watchers stay on the outer widget."""

import panel as pn

pn.extension()

outer = pn.widgets.IntSlider(name="outer", start=0, end=1000, value=1)
inner = pn.widgets.IntSlider(name="inner", start=0, end=1000, value=1)


def view(value):
    return pn.Row(pn.bind(lambda other: f"{value} and {other}", inner))


pn.Column(outer, inner, pn.bind(view, outer)).servable()
