"""uvicorn asgi_requests:app - Panel's ASGI host with all its routes: /liveness, a folder at /assets, a slow page."""

from pathlib import Path

from app_functions import CHECK_MS, LIFETIME_MS, panel_slider  # type: ignore[import-not-found]
from panel.io.asgi import build_asgi_app

import bokeh_exporter

APPS = Path(__file__).parent

bokeh_exporter.install()
app = build_asgi_app(
    {"/good": panel_slider, "/sleeping_bokeh": APPS / "sleeping_bokeh.py"},
    liveness=True, static_dirs={"/assets": APPS},
    unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
)  # fmt: skip
