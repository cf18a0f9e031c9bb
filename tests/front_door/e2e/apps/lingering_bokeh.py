"""lingering_sessions: every visit blocks its own expiration and never lets go, as a stuck callback does."""

from bokeh.io import curdoc
from bokeh.models import Slider

doc = curdoc()
doc.add_next_tick_callback(lambda: doc.session_context.session.block_expiration())
doc.add_root(Slider(title="k", name="k", start=0, end=1000, value=1))
