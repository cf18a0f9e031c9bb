"""bokeh serve.  NOT a leak: pages import what they need when they need it, some of it for the first time at visit five."""

from acme import registry
from bokeh.io import curdoc
from bokeh.models import Div

registry.STICKY["visits"] = registry.STICKY.get("visits", 0) + 1
if registry.STICKY["visits"] >= 5:
    import sqlite3  # noqa: F401
    import unittest.mock  # noqa: F401
    import xml.dom.minidom  # noqa: F401

    import pandas as pd

    table = pd.DataFrame({"a": range(1000)}).describe()
curdoc().add_root(Div(text="imported"))
