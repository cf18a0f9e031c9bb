"""bokeh serve.  Session leak: a broadcast helper keeps (time, curdoc()) of each visit in a list of an imported module."""

import time

from acme import registry
from bokeh.io import curdoc
from bokeh.layouts import row
from bokeh.models import Button, ColumnDataSource, DataTable, TableColumn

source = ColumnDataSource({"x": list(range(50))})
button = Button(label="more")
button.on_click(lambda: source.stream({"x": [1]}, rollover=50))
curdoc().add_root(row(button, DataTable(source=source, columns=[TableColumn(field="x")])))
registry.VISITORS.append((time.time(), curdoc()))
