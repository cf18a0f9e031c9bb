"""bokeh/bokeh#3770: timers of closed tabs go on until their session expires, and sessions are kept for ten minutes."""

from bokeh.io import curdoc
from bokeh.models import Div

text = Div(text="0")


def tick() -> None:
    text.text = str(int(text.text) + 1)


curdoc().add_periodic_callback(tick, 200)
curdoc().add_root(text)
