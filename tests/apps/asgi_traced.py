"""uvicorn asgi_traced:app - traced_bokeh.py mounted in FastAPI at /bokeh, without a word of the exporter.

FastAPI makes spans of its requests by itself, where there is a provider.
"""

from pathlib import Path

from app_functions import CHECK_MS, LIFETIME_MS  # type: ignore[import-not-found]
from bokeh.server.asgi import BokehASGI
from fastapi import FastAPI

app = FastAPI()
app.mount("/bokeh", BokehASGI(
    {"/traced_bokeh": Path(__file__).with_name("traced_bokeh.py")},
    unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
))  # fmt: skip
