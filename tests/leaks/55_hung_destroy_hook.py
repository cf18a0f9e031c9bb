"""bokeh serve.  Lingering: a plugin's on_session_destroyed waits for a service that never answers, so the sweep hangs."""

from acme.plugin import plug_in
from bokeh.io import curdoc
from bokeh.models import Div

plug_in(curdoc().session_context.server_context.application_context.application)
curdoc().add_root(Div(text="locked"))
