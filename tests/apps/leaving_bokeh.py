"""bokeh serve: a heap of a million objects, so that each full collection takes long. Bokeh runs one per session."""

import gc
import sys

from bokeh.io import curdoc
from bokeh.models import Column, Div

if not hasattr(gc, "_heap_of_the_test"):  # once in the process
    gc._heap_of_the_test = [[] for _ in range(1_000_000)]  # type: ignore[attr-defined]
    sys.stderr.write("the heap is there\n")
curdoc().add_root(Column(children=[Div(text=str(number)) for number in range(20)]))
