"""The app of ``load.py``: the plain one, and three buttons that ask the process for something.

"Freeze" collects garbage and takes what is left out of later collections, once the websockets that stay are open: Bokeh
runs a full collection for each session that ends, which walks all of these sessions. "Measure" writes down
what memory the exporter has. "Seldom" lets Bokeh collect once in some seconds, however many sessions end meanwhile.
"""

import gc
import json
import time
import types

from bokeh.document import document
from bokeh.layouts import column
from bokeh.models import Button, ColumnDataSource, Div, Slider
from bokeh.plotting import curdoc, figure

from benchmarks.sessions import own
from bokeh_exporter import installation

source = ColumnDataSource({"x": list(range(200)), "y": [x * x % 97 for x in range(200)]})
plot = figure(height=300, width=500)
plot.line("x", "y", source=source)
plot.scatter("x", "y", source=source)
level = Slider(title="Level", start=0, end=1000, value=0)
buttons = [Button(label=label) for label in ("Press", "Freeze", "Seldom", "Measure")]
text = Div(text="0")
presses = 0


def pressed() -> None:
    global presses
    presses += 1
    text.text = str(presses)


def frozen() -> None:
    gc.collect()
    gc.freeze()
    text.text = str(gc.get_freeze_count())


def seldom() -> None:
    last = time.monotonic()

    def collect() -> int:
        nonlocal last
        if time.monotonic() < last + 5:
            return 0
        last = time.monotonic()
        return gc.collect()

    document.gc = types.SimpleNamespace(collect=collect)
    text.text = "seldom"


def measured() -> None:
    exporter = installation._current
    text.text = json.dumps(own(exporter) if exporter is not None else (0, 0))


for button, callback in zip(buttons, (pressed, frozen, seldom, measured), strict=True):
    button.on_click(callback)
curdoc().add_root(column(level, *buttons, text, plot))
