"""bokeh serve.  NOT a leak: a directory app with a lifecycle, a table, tabs, and a list that its session empties."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from acme import registry
from bokeh.io import curdoc
from bokeh.models import ColumnDataSource, DataTable, Div, Select, TableColumn, TabPanel, Tabs

registry.VISITORS.append(curdoc())
curdoc().on_session_destroyed(lambda context, seen=registry.VISITORS: seen.clear())
source = ColumnDataSource({"x": list(range(100))})
pick = Select(title="rows", value="10", options=["10", "20", "50"])
pick.on_change("value", lambda attr, old, new: source.data.update(x=list(range(int(new)))))
table = DataTable(source=source, columns=[TableColumn(field="x")])
curdoc().add_root(
    Tabs(
        tabs=[
            TabPanel(child=pick, title="a"),
            TabPanel(child=table, title="b"),
            TabPanel(child=Div(text="about"), title="c"),
        ]
    )
)
