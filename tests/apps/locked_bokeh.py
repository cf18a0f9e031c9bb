"""bokeh serve: the button ``go`` starts a callback that holds the document lock for ever: a blocked session."""

import asyncio

from bokeh.io import curdoc
from bokeh.models import Button, Column, Div

doc = curdoc()
go = Button(name="go", label="go")
out = Div(name="out", text="idle")
#: What nothing else refers to, and a task that only waits for it, the garbage collector would take, and free the lock.
waited: list[asyncio.Future[None]] = []


async def wait() -> None:
    out.text = "asking"
    waited.append(asyncio.get_running_loop().create_future())  # a request without a timeout
    await waited[-1]


go.on_click(lambda: doc.add_next_tick_callback(wait))
doc.add_root(Column(children=[go, out]))
