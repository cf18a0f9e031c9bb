"""python late_server.py - installs on a loop that runs; with SIGUSR1 there is a server at ``PORT`` with /good, too."""

import asyncio
import os
import signal

from app_functions import slider  # type: ignore[import-not-found]
from bokeh.server.server import Server
from tornado.ioloop import IOLoop

import bokeh_exporter


async def main() -> None:
    wanted = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, wanted.set)
    bokeh_exporter.install()
    await wanted.wait()
    server = Server(
        {"/good": slider}, port=int(os.environ["PORT"]), address="127.0.0.1", io_loop=IOLoop.current()
    )  # fmt: skip
    server.start()
    await asyncio.Event().wait()


asyncio.run(main())
