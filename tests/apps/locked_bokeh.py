"""bokeh serve: the button ``go`` starts a callback that holds the document lock for ever: a blocked session."""

import asyncio

from bokeh.io import curdoc
from bokeh.models import Button, Column, Div

doc = curdoc()
go = Button(name="go", label="go")
out = Div(name="out", text="idle")


async def wait() -> None:
    out.text = "asking"
    await asyncio.get_running_loop().create_future()  # a request without a timeout


go.on_click(lambda: doc.add_next_tick_callback(wait))
doc.add_root(Column(children=[go, out]))
