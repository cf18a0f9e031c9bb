"""The table of hosts: one file for each outside thing. A new one is a new file and a line here."""

from __future__ import annotations

from types import ModuleType

from . import (
    asgi,
    bokeh_callbacks,
    bokeh_django,
    bokeh_documents,
    bokeh_fastapi,
    bokeh_models,
    bokeh_patches,
    bokeh_server,
    bokeh_sessions,
    holoviews,
    panel,
    param,
    thread_pools,
    tornado,
    uvicorn,
)

HOSTS: tuple[ModuleType, ...] = (
    bokeh_server,
    bokeh_sessions,
    bokeh_documents,
    bokeh_models,
    bokeh_patches,
    bokeh_callbacks,
    tornado,
    asgi,
    uvicorn,
    bokeh_fastapi,
    bokeh_django,
    thread_pools,
    param,
    panel,
    holoviews,
)
