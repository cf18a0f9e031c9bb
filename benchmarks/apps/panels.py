"""The same small app in Panel: a plot, a slider that nobody listens to, a button whose callback answers."""

from typing import Any

import panel as pn
from bokeh.plotting import figure

pn.extension()

plot = figure(height=300, width=500)
plot.line(list(range(200)), [x * x % 97 for x in range(200)])
plot.scatter(list(range(200)), [x * x % 97 for x in range(200)])
level = pn.widgets.IntSlider(name="Level", start=0, end=1000)
button = pn.widgets.Button(name="Press")
text = pn.pane.HTML("0")


def pressed(event: Any) -> None:
    text.object = str(event.new)


button.on_click(pressed)
pn.Column(level, button, text, pn.pane.Bokeh(plot)).servable()
