"""bokeh serve, ?user=u{i}.  NOT a leak: a cache with a bound fills up and is then as big as it gets, 24 MB."""

from acme import bounded
from bokeh.io import curdoc
from bokeh.models import Div

arguments = curdoc().session_context.request.arguments
total = bounded.frame(arguments.get("user", [b"nobody"])[0]).sum()
curdoc().add_root(Div(text=f"{total}"))
