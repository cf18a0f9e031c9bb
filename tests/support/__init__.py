"""What the tests stand on: server processes, tabs without a browser, scrapes, waiting."""

from .scrapes import Scrape, scrape
from .servers import APPS, ROOT, ServerProcess, StartError, bokeh_serve, free_port, panel_serve, python_script, uvicorn
from .tabs import Refused, ServerError, Tab, open_tab
from .versions import BOKEH_VERSION, HAS_ASGI, PANEL_VERSION, line_ships
from .waiting import wait_until, wait_until_async
from .web import Response, get

__all__ = [
    "APPS",
    "BOKEH_VERSION",
    "HAS_ASGI",
    "PANEL_VERSION",
    "ROOT",
    "Refused",
    "Response",
    "Scrape",
    "ServerError",
    "ServerProcess",
    "StartError",
    "Tab",
    "bokeh_serve",
    "free_port",
    "get",
    "line_ships",
    "open_tab",
    "panel_serve",
    "python_script",
    "scrape",
    "uvicorn",
    "wait_until",
    "wait_until_async",
]
