"""bokeh/bokeh#7992: a periodic callback adds the same function for the next tick, time and again."""

from bokeh.io import curdoc
from bokeh.models import Div, Slider

text = Div(text="0")
doc = curdoc()


def later() -> None:
    text.text = str(int(text.text) + 1)


doc.add_periodic_callback(lambda: doc.add_next_tick_callback(later), 50)
doc.add_root(text)
doc.add_root(Slider(name="n", title="n", start=0, end=100, value=0))
