"""bokeh serve: the button ``go`` asks for the session to expire as soon as nobody is connected."""

from bokeh.io import curdoc
from bokeh.models import Button

doc = curdoc()
go = Button(name="go", label="go")
go.on_click(lambda: doc.session_context.session.request_expiration())
doc.add_root(go)
