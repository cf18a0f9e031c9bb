"""panel serve --setup: a Bokeh whose check_origin takes another argument, and a Panel without _reload."""

from typing import Any

import panel.io.reload
from bokeh.server.views.ws import WSHandler

import bokeh_exporter

original = WSHandler.check_origin


def check_origin(self: Any, where: str) -> Any:
    return original(self, where)


WSHandler.check_origin = check_origin
del panel.io.reload._reload
bokeh_exporter.install()
