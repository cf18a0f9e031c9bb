"""bokeh serve.  Session leak: a thread of each session polls for ever and pushes into its Document."""

import threading
import time

from bokeh.io import curdoc
from bokeh.models import Div


def poll(document, div, sleep=time.sleep):
    while True:
        sleep(1)
        try:
            document.add_next_tick_callback(lambda: div.update(text="tick"))
        except Exception:
            pass


div = Div(text="waiting")
curdoc().add_root(div)
threading.Thread(target=poll, args=(curdoc(), div), daemon=True).start()
