"""bokeh serve.  Process growth, objects: each visit appends its records, plain dicts, to a list of an imported module."""

from acme import registry
from bokeh.io import curdoc
from bokeh.models import Div

registry.VISITORS.append([{"n": i, "name": f"row {i}", "tags": [str(i)]} for i in range(5_000)])
curdoc().add_root(Div(text=f"visit {len(registry.VISITORS)}"))
