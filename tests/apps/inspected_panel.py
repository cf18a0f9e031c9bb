"""panel serve: what is made at import, deferred loading, a class, a card that is closed, a click."""

import inspected_module  # type: ignore[import-not-found]
import numpy as np
import pandas as pd
import panel as pn
import param
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

pn.extension(defer_load=True)
source = ColumnDataSource({"x": np.arange(1000), "y": np.zeros(1000)})
plot = figure(height=200)
plot.line("x", "y", source=source)
unused = pn.pane.Str("nobody shows me")
rows, text, secret = (
    pn.widgets.IntSlider(name="Rows", end=9), pn.widgets.TextInput(name="Text"), pn.widgets.PasswordInput(name="Word")
)  # fmt: skip


class Explorer(pn.viewable.Viewer):  # type: ignore[misc]
    size = param.Integer(default=1, bounds=(1, 9))

    def __init__(self) -> None:
        super().__init__()
        self.slider = pn.widgets.IntSlider.from_param(self.param.size, name="Size")
        self.shown = pn.pane.Str("one")

    @param.depends("size", watch=True)  # type: ignore[untyped-decorator]
    def resize(self) -> None:
        self.shown.object = f"{self.size}"

    def __panel__(self) -> pn.Column:
        return pn.Column(self.slider, self.shown)


class Settings(param.Parameterized):  # type: ignore[misc]
    first = param.Boolean()
    second = param.Selector(objects=["a", "b"])


def stretch(event: param.parameterized.Event) -> None:
    source.data = {"x": np.arange(1000), "y": np.full(1000, event.new)}


rows.param.watch(stretch, "value")
outside = pn.bind(inspected_module.table, rows)
inside = pn.widgets.Button(name="Send")
explorer = Explorer()
settings = pn.panel(Settings(), name="Settings")  # the layout of a pane
dropped = pn.bind(lambda n: pn.pane.Str(f"{n}"), rows)  # Panel copies the result to a pane that it has
card = pn.Card(pn.widgets.Checkbox(name="Hidden"), title="More", collapsed=True)
pn.Column(rows, text, secret, inspected_module.shared, pn.pane.Bokeh(plot), outside, inside, explorer, card,
          settings, dropped).servable()  # fmt: skip
frame = pd.DataFrame({"a": [1]})
