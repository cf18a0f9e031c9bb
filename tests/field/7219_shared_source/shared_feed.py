"""One source for all sessions."""

from bokeh.models import ColumnDataSource

feed = ColumnDataSource(data={"x": [0], "y": [0]})
