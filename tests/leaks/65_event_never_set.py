"""bokeh serve.  Lingering (Bokeh < 3.10): a callback waits for an event that nobody sets, under the document lock."""

import asyncio

from bokeh.io import curdoc
from bokeh.models import Button

button = Button(label="ask")


async def ask():
    await asyncio.Event().wait()


button.on_click(lambda: curdoc().add_next_tick_callback(ask))
curdoc().add_root(button)
