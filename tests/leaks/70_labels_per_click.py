"""bokeh serve.  Growth inside a session: each click adds an annotation to the figure."""

from bokeh.io import curdoc
from bokeh.models import Button, Label
from bokeh.plotting import figure

plot = figure(width=300, height=200)
plot.line([0, 1], [0, 1])
button = Button(label="mark")
button.on_click(lambda: plot.add_layout(Label(x=0.5, y=0.5, text="here")))
curdoc().add_root(button)
curdoc().add_root(plot)
