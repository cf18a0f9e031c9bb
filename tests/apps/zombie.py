"""bokeh serve: a model whose ``destroy`` raises, so that the session is destroyed and never goes."""

from bokeh.io import curdoc
from bokeh.models import Div


class Fragile(Div):  # type: ignore[misc]
    def destroy(self) -> None:
        raise ValueError("zombie.py: destroy raises")


curdoc().add_root(Fragile(name="out", text="alive"))
