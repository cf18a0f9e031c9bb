"""A model that will not go."""

from bokeh.models import Div


class Stubborn(Div):
    __view_model__ = "Div"
    __view_module__ = "bokeh.models.widgets.markups"

    def destroy(self):
        raise RuntimeError("still needed")
