"""bokeh serve.  Session leak, models only: functools.cache on a function of an imported module whose argument is a model."""

from acme import reports
from bokeh.io import curdoc
from bokeh.models import ColumnDataSource, DataTable, TableColumn

source = ColumnDataSource({"n": list(range(1000))})
reports.summary(source)
curdoc().add_root(DataTable(source=source, columns=[TableColumn(field="n")]))
