"""uvicorn asgi_blocked:app - Bokeh's ASGI host with the script blocked_bokeh.py at /blocked_bokeh."""

from pathlib import Path

from bokeh.server.asgi import BokehASGI

import bokeh_exporter

bokeh_exporter.install()
app = BokehASGI({"/blocked_bokeh": Path(__file__).with_name("blocked_bokeh.py")})
