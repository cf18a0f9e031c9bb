"""uvicorn asgi_kept:app - Bokeh's ASGI host with the apps of kept_functions."""

from app_functions import CHECK_MS, LIFETIME_MS  # type: ignore[import-not-found]
from bokeh.server.asgi import BokehASGI
from kept_functions import APPS  # type: ignore[import-not-found]

import bokeh_exporter

bokeh_exporter.install()
app = BokehASGI(APPS, unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS)
