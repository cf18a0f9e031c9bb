"""bokeh serve: the button ``go`` installs the exporter into the server that has been running all the time."""

from bokeh.io import curdoc
from bokeh.models import Button, Column, Div

import bokeh_exporter

go = Button(name="go", label="go")
out = Div(name="out", text="not yet")


def press() -> None:
    bokeh_exporter.install()
    out.text = "installed"


go.on_click(press)
curdoc().add_root(Column(children=[go, out]))
