"""bokeh serve.  Process growth, objects: each visit makes row classes with type() and registers them."""

from dataclasses import make_dataclass

from acme import registry
from bokeh.io import curdoc
from bokeh.models import Div

for n in range(10):
    row = make_dataclass(f"Row{n}", [(f"column{i}", float) for i in range(20)])
    row.__module__ = "acme.rows"
    registry.VISITORS.append(row)
curdoc().add_root(Div(text=str(len(registry.VISITORS))))
