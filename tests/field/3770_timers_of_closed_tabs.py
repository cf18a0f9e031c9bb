"""bokeh/bokeh#3770: the timers of closed tabs go on while their sessions are kept for ten minutes."""

from bokeh.io import curdoc
from bokeh.models import Div

clock = Div(text="0")


def tick() -> None:
    clock.text = str(int(clock.text) + 1)


curdoc().add_periodic_callback(tick, 200)
curdoc().add_root(clock)
