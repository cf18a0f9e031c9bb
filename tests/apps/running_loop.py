"""python running_loop.py - Server and install() within a loop that runs, as in a notebook."""

import asyncio
import os

from app_functions import CHECK_MS, LIFETIME_MS, slider  # type: ignore[import-not-found]
from bokeh.server.server import Server
from tornado.ioloop import IOLoop

import bokeh_exporter


async def main() -> None:
    port = int(os.environ["PORT"])
    server = Server(
        {"/app": slider}, port=port, address="127.0.0.1", io_loop=IOLoop.current(),
        allow_websocket_origin=[f"localhost:{port}"],
        unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
    )  # fmt: skip
    server.start()
    exporter = bokeh_exporter.install()
    print("at once:", exporter.url, flush=True)
    await asyncio.get_running_loop().create_future()


asyncio.run(main())
