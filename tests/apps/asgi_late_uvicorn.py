"""``python asgi_late_uvicorn.py``: an app that is made before its program imports what serves it."""

import os

from app_functions import CHECK_MS, LIFETIME_MS, slider  # type: ignore[import-not-found]
from bokeh.server.asgi import BokehASGI

import bokeh_exporter

bokeh_exporter.install()
app = BokehASGI(
    {"/app": slider},
    unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
)  # fmt: skip

import uvicorn  # noqa: E402  (that it comes this late is the point)

uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]))
