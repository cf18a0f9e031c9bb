"""panel serve.  Session leak: each visitor's view is put into pn.state.cache under a fresh key, "to restore it later"."""

import uuid

import panel as pn
from bokeh.plotting import figure

pn.extension()


def plot(name):
    fig = figure(width=300, height=200, title=name)
    fig.line([1, 2, 3], [1, 4, len(name)])
    return fig


name = pn.widgets.TextInput(name="name")
view = pn.Column("# Dashboard", name, pn.bind(plot, name))
pn.state.cache[f"view-{uuid.uuid4()}"] = view
view.servable()
