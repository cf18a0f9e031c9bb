"""python asgi_answers.py - ASGI hosts that hand on, raise, are cancelled and say nothing; prints what was counted."""

import asyncio
from typing import Any

from app_functions import slider  # type: ignore[import-not-found]
from bokeh.server.asgi import BokehASGI

import bokeh_exporter

exporter = bokeh_exporter.install()
inner = BokehASGI({"/good": slider})


class Outer(BokehASGI):  # type: ignore[misc]
    async def _http(self, scope: Any, send: Any) -> None:
        path = scope["path"]
        if path == "/handed_on":
            await inner({**scope, "path": "/good/metadata"}, receive, send)
        elif path == "/raises":
            raise ValueError("before the answer")
        elif path == "/cancelled":
            raise asyncio.CancelledError
        elif path == "/late":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            raise asyncio.CancelledError


async def receive() -> Any:
    raise NotImplementedError


async def send(event: Any) -> None:
    print("sent", event["type"])


async def main() -> None:
    outer = Outer(dict.fromkeys(("/handed_on", "/raises", "/cancelled", "/late", "/silent"), slider))
    for path in outer.core.app_paths:
        try:
            await outer({"type": "http", "method": "GET", "path": path, "headers": []}, receive, send)
        except (ValueError, asyncio.CancelledError) as error:
            print("passed on", path, type(error).__name__)
    exporter.state.drain()
    for metric in exporter.state.registry.collect():
        for sample in metric.samples:
            if sample.name == "http_server_request_duration_seconds_count":
                labels = sample.labels
                print("counted", labels["http_route"], labels["http_response_status_code"], sample.value)
    await outer.core.stop()
    await inner.core.stop()


asyncio.run(main())
