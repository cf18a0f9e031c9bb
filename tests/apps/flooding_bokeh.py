"""bokeh serve: the button ``go`` sends four messages of 8 MB, of which a client that does not read takes one."""

from bokeh.io import curdoc
from bokeh.models import Button, Column, Div

go = Button(name="go", label="go")
outs = [Div(name=f"out{number}", text="") for number in range(4)]


def flood() -> None:
    for out in outs:
        out.text = "x" * 8_000_000


go.on_click(flood)
curdoc().add_root(Column(children=[go, *outs]))
