"""python serve_functions.py [--install before|after|no] [--threaded]

``pn.serve`` at ``PORT`` with the apps /good and /raising.
"""

import argparse
import os
import threading

import panel as pn
from app_functions import CHECK_MS, LIFETIME_MS, panel_raising, panel_slider  # type: ignore[import-not-found]

import bokeh_exporter

parser = argparse.ArgumentParser()
parser.add_argument("--install", choices=["before", "after", "no"], default="before")
parser.add_argument("--threaded", action="store_true")
options = parser.parse_args()

if options.install == "before":
    bokeh_exporter.install()
port = int(os.environ["PORT"])
server = pn.serve(
    {"good": panel_slider, "raising": panel_raising}, port=port, address="127.0.0.1", show=False,
    websocket_origin=[f"localhost:{port}"], threaded=options.threaded, start=options.threaded,
    unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
)  # fmt: skip
if options.install == "after":
    bokeh_exporter.install()
if options.threaded:
    threading.Event().wait()
else:
    server.run_until_shutdown()
