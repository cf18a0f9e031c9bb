"""uvicorn fastapi_bokeh:app - the package bokeh-fastapi with /good and /raising, and FastAPI's own /hello."""

from app_functions import CHECK_MS, LIFETIME_MS, raising, slider  # type: ignore[import-not-found]
from bokeh_fastapi import BokehFastAPI
from fastapi import FastAPI

import bokeh_exporter

bokeh_exporter.install()


def hello() -> dict[str, str]:
    return {"hello": "world"}


app = FastAPI()
app.add_api_route("/hello", hello)
BokehFastAPI(
    {"/good": slider, "/raising": raising}, app=app, websocket_origins=["localhost:*"],
    unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
)  # fmt: skip
