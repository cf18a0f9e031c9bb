"""bokeh serve.  Process growth, objects: a handler of the company's logger keeps each record, arguments and all."""

from acme import logs
from bokeh.io import curdoc
from bokeh.models import Div

if not any(isinstance(handler, logs.Kept) for handler in logs.logger.handlers):
    logs.logger.addHandler(logs.Kept())
for n in range(200):
    logs.logger.info("row %s of %s", n, [f"cell {n}.{i}" for i in range(10)])
curdoc().add_root(Div(text="logged"))
