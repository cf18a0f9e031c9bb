"""A small Bokeh app: a plot, a slider that nobody listens to, a button whose callback answers.

The slider's messages are the cheapest a server can get, so a cost per message shows most there.
"""

from bokeh.layouts import column
from bokeh.models import Button, ColumnDataSource, Div, Slider
from bokeh.plotting import curdoc, figure

source = ColumnDataSource({"x": list(range(200)), "y": [x * x % 97 for x in range(200)]})
plot = figure(height=300, width=500)
plot.line("x", "y", source=source)
plot.scatter("x", "y", source=source)
level = Slider(title="Level", start=0, end=1000, value=0)
button = Button(label="Press")
text = Div(text="0")
presses = 0


def pressed() -> None:
    global presses
    presses += 1
    text.text = str(presses)


button.on_click(pressed)
curdoc().add_root(column(level, button, text, plot))
