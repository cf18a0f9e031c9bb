"""uvicorn asgi_bare:app - Bokeh's ASGI host without a word of the exporter, for ``bokeh-exporter run``."""

from app_functions import CHECK_MS, LIFETIME_MS, raising, slider  # type: ignore[import-not-found]
from bokeh.server.asgi import BokehASGI

app = BokehASGI(
    {"/good": slider, "/raising": raising},
    unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
)  # fmt: skip
