"""uvicorn asgi_fastapi:app - a FastAPI app with its own /hello, Bokeh mounted at /bokeh and Panel at /panel.

FastAPI does not pass the lifespan on to what is mounted: both start with their first request.
"""

from app_functions import CHECK_MS, LIFETIME_MS, panel_slider, slider  # type: ignore[import-not-found]
from bokeh.server.asgi import BokehASGI
from fastapi import FastAPI
from panel.io.asgi import build_asgi_app

import bokeh_exporter

bokeh_exporter.install()


def hello() -> dict[str, str]:
    return {"hello": "world"}


app = FastAPI()
app.add_api_route("/hello", hello)
app.mount("/bokeh", BokehASGI(
    {"/good": slider},
    unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
))  # fmt: skip
app.mount("/panel", build_asgi_app(
    {"/good": panel_slider},
    unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
))  # fmt: skip
