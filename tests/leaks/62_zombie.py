"""bokeh serve.  Zombies: a model's destroy() raises, so the destroyed session never leaves the server's table."""

from acme.stubborn import Stubborn
from bokeh.io import curdoc

curdoc().add_root(Stubborn(text="stays"))
