"""uvicorn asgi_panel:app - Panel's ASGI host with /good and /raising."""

from app_functions import CHECK_MS, LIFETIME_MS, panel_raising, panel_slider  # type: ignore[import-not-found]
from panel.io.asgi import build_asgi_app

import bokeh_exporter

bokeh_exporter.install()
app = build_asgi_app(
    {"/good": panel_slider, "/raising": panel_raising},
    unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
)  # fmt: skip
