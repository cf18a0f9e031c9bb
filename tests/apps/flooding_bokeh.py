"""bokeh serve: the button ``go`` sends ten messages of 8 MB, of which a client that does not read takes one or two.

Where the system lets it, the kernel takes another 32 MB for a connection.
"""

from bokeh.io import curdoc
from bokeh.models import Button, Column, Div

go = Button(name="go", label="go")
outs = [Div(name=f"out{number}", text="") for number in range(10)]


def flood() -> None:
    for out in outs:
        out.text = "x" * 8_000_000


go.on_click(flood)
curdoc().add_root(Column(children=[go, *outs]))
