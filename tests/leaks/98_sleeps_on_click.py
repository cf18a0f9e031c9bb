"""bokeh serve.  Event loop stalled: a coroutine sleeps without await, which blocks the loop on every line."""

import os
import time

from bokeh.io import curdoc
from bokeh.models import Button


def main(doc, seconds, sleep=time.sleep):
    async def ask_backend():
        sleep(seconds)

    button = Button(label="ask")
    button.on_click(lambda: doc.add_next_tick_callback(ask_backend))
    doc.add_root(button)


main(curdoc(), float(os.environ.get("ASKING", "6")))
