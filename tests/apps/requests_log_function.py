"""python requests_log_function.py - a server with a log function and a route of the user, before and after uninstall().

Prints the access log that the user's function writes, what the exporter counted, and what it left behind.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from app_functions import slider  # type: ignore[import-not-found]
from bokeh.server.server import Server
from bokeh.server.tornado import BokehTornado
from tornado.httpclient import AsyncHTTPClient
from tornado.web import Application, RequestHandler

import bokeh_exporter


class Teapot(RequestHandler):
    def get(self) -> None:
        self.set_status(HTTPStatus.IM_A_TEAPOT)  # an enum, whose text is another on each Python


class Elsewhere(RequestHandler):
    def get(self) -> None:
        self.write("the user's own tornado app")


def logged(handler: Any) -> None:
    print("log", int(handler.get_status()), handler.request.path)


async def main() -> None:
    inherited = "log_request" not in vars(BokehTornado)
    exporter = bokeh_exporter.install()
    server = Server({"/good": slider}, port=0, extra_patterns=[("/teapot", Teapot)], log_function=logged)
    server.start()
    elsewhere = Application([("/", Elsewhere)]).listen(0, "127.0.0.1")
    ports = [server.port, next(iter(elsewhere._sockets.values())).getsockname()[1]]

    async def ask(port: int, path: str) -> None:
        await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}{path}", raise_error=False)

    def count(route: str, status: str) -> float | None:
        exporter.state.drain()
        return exporter.state.registry.get_sample_value(
            "http_server_request_duration_seconds_count",
            {"http_request_method": "GET", "http_route": route, "http_response_status_code": status},
        )

    await ask(ports[0], "/good")
    await ask(ports[0], "/teapot")
    await ask(ports[1], "/")
    print("counted", count("/good", "200"), count("other", "418"), count("other", "200"))
    print("patched", inherited, "log_request" in vars(BokehTornado))
    bokeh_exporter.uninstall()
    print("inherits", "log_request" not in vars(BokehTornado), BokehTornado.log_request is Application.log_request)
    await ask(ports[0], "/good")
    print("counted", count("/good", "200"))
    server.stop()
    elsewhere.stop()


asyncio.run(main())
