"""bokeh/bokeh#9404 and #9225: a search that takes seconds in the callback of a button."""

import time

from bokeh.io import curdoc
from bokeh.layouts import column
from bokeh.models import Button, Div

button, text = Button(label="Search", name="Search"), Div(text="")


def search() -> None:
    button.disabled = True
    text.text = "searching"
    time.sleep(8)
    button.disabled = False


button.on_click(search)
curdoc().add_root(column(button, text))
