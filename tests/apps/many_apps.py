"""python many_apps.py COUNT - Bokeh's ``Server`` at ``PORT`` with the apps /app00, /app01 and so on."""

import os
import sys

from app_functions import CHECK_MS, LIFETIME_MS, slider  # type: ignore[import-not-found]
from bokeh.server.server import Server

import bokeh_exporter

bokeh_exporter.install()
port = int(os.environ["PORT"])
server = Server(
    {f"/app{number:02}": slider for number in range(int(sys.argv[1]))},
    port=port, address="127.0.0.1", allow_websocket_origin=[f"localhost:{port}"],
    unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
)  # fmt: skip
server.run_until_shutdown()
