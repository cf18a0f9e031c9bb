"""uvicorn asgi_bokeh:app - Bokeh's ASGI host: /slider is a script, /good and /raising are functions."""

from pathlib import Path

from app_functions import CHECK_MS, LIFETIME_MS, raising, slider  # type: ignore[import-not-found]
from bokeh.server.asgi import BokehASGI

import bokeh_exporter

bokeh_exporter.install()
app = BokehASGI(
    {"/slider": Path(__file__).with_name("slider_bokeh.py"), "/good": slider, "/raising": raising},
    unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
)  # fmt: skip
