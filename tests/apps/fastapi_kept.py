"""uvicorn fastapi_kept:app - the package bokeh-fastapi with the apps of kept_functions."""

from app_functions import CHECK_MS, LIFETIME_MS  # type: ignore[import-not-found]
from bokeh_fastapi import BokehFastAPI
from fastapi import FastAPI
from kept_functions import APPS  # type: ignore[import-not-found]

import bokeh_exporter

bokeh_exporter.install()
app = FastAPI()
BokehFastAPI(
    APPS, app=app, websocket_origins=["localhost:*"],
    unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
)  # fmt: skip
