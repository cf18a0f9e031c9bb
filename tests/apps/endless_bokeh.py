"""python endless_bokeh.py - a task that never ends is started within an interaction; ``report`` counts objects."""

import asyncio
import gc
import os
import weakref
from typing import Any

from app_counts import called, tell  # type: ignore[import-not-found]
from app_functions import CHECK_MS, LIFETIME_MS  # type: ignore[import-not-found]
from bokeh.models import Button, Column, Div, Slider
from bokeh.server.server import Server
from tornado.ioloop import IOLoop

import bokeh_exporter

exporter = bokeh_exporter.install()
documents: list[weakref.ref[Any]] = []
tasks: list[asyncio.Task[None]] = []


async def endless() -> None:
    await asyncio.Event().wait()


def report() -> None:
    gc.collect()
    objects = gc.get_objects()
    ours = sum(str(type(each).__module__).startswith("bokeh_exporter.") for each in objects)
    counted = len(objects)
    del objects
    tell(
        "report",
        {
            "documents": [document() is not None for document in documents],
            "tasks": [not task.done() for task in tasks],
            "records": len(list(exporter.state.interactions)),
            "ours": ours,
            "objects": counted,
        },
    )
    called("report")


def app(doc: Any) -> None:
    documents.append(weakref.ref(doc))

    def moved(attr: str, old: int, new: int) -> None:
        out.text = f"n = {new}"

    async def start() -> None:
        tasks.append(asyncio.create_task(endless()))
        doc.title = "started"  # so that whoever keeps this callback keeps the document

    n = Slider(name="n", title="n", start=0, end=10_000, value=0)
    out = Div(name="out", text="")
    buttons = {each: Button(name=each, label=each) for each in ("start", "report")}
    n.on_change("value", moved)
    buttons["start"].on_click(lambda: doc.add_next_tick_callback(start))
    buttons["report"].on_click(report)
    doc.add_root(Column(children=[n, out, *buttons.values()]))


asyncio.set_event_loop(asyncio.new_event_loop())
io_loop = IOLoop.current()
port = int(os.environ["PORT"])
server = Server(
    {"/app": app}, port=port, address="127.0.0.1", io_loop=io_loop, allow_websocket_origin=[f"localhost:{port}"],
    unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
)  # fmt: skip
server.start()
io_loop.start()
