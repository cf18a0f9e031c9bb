"""python interactions_bokeh.py - the apps /first and /second note the number of the interaction wherever they are.

``?name=a`` names a session. The text input ``open`` opens a gate, at which crossing callbacks wait.
"""

import asyncio
import contextvars
import os
from typing import Any

from app_counts import BOOKED, count, gate, saw, tell  # type: ignore[import-not-found]
from bokeh.document.events import DocumentPatchedEvent
from bokeh.models import Button, Column, Div, Slider, TextInput
from bokeh.server.server import Server
from tornado.ioloop import IOLoop

import bokeh_exporter
from bokeh_exporter.state.interactions import Interaction, current

STEPS = 3
exporter = bokeh_exporter.install()


def record(one: Interaction) -> dict[str, Any]:
    found = {name: getattr(one, name) for name in BOOKED}
    return found | {"phase": exporter.state.interactions.origin(one.number)[1]}


def report() -> None:
    tell("records", [record(one) for one in exporter.state.interactions])


def app(doc: Any) -> None:
    arguments = doc.session_context.request.arguments
    name = arguments["name"][0].decode() if "name" in arguments else ""
    left = {"tick": 3}

    def here(place: str, *, callback: bool = True) -> None:
        number = current.get()
        saw(f"{name}.{place}", number)
        if callback:
            count("callbacks", str(number))

    def built() -> None:
        Div()
        count("built", str(current.get()))

    def changed(event: Any) -> None:
        if isinstance(event, DocumentPatchedEvent) and event.setter is None:  # the browser's own is not sent to it
            count("patches", str(current.get()))

    def moved(attr: str, old: int, new: int) -> None:
        here("event")
        out.text = "x" * 1000
        other.value = new
        doc.add_next_tick_callback(asynchronous)
        doc.add_timeout_callback(timeout, 10)

    def moved_other(attr: str, old: int, new: int) -> None:
        here("property")
        built()

    async def asynchronous() -> None:
        here("next tick")
        task = asyncio.create_task(child())
        await asyncio.sleep(0)
        here("after an await", callback=False)
        await asyncio.to_thread(here, "thread", callback=False)
        await asyncio.to_thread(built)
        contextvars.copy_context().run(here, "context", callback=False)
        await task

    async def child() -> None:
        here("task", callback=False)
        await asyncio.sleep(0.02)
        here("task, later", callback=False)
        built()

    def timeout() -> None:
        here("timeout")

    def cross() -> None:
        here("cross")
        doc.add_next_tick_callback(crossing)

    async def crossing() -> None:
        here("cross")
        for step in range(STEPS):
            built()
            await gate(f"{name}{step}").wait()
            here("cross", callback=False)

    def tick() -> None:
        here("tick")
        left["tick"] -= 1
        if not left["tick"]:
            doc.remove_periodic_callback(ticking)

    def opened(attr: str, old: str, new: str) -> None:
        loop.call_soon_threadsafe(lambda: gate(new).set())

    doc.on_change(changed)
    here("build", callback=False)
    n = Slider(name="n", title="n", start=0, end=1000, value=0)
    other = Slider(name="other", title="other", start=0, end=1000, value=0)
    out = Div(name="out", text="")
    gates = TextInput(name="open", title="open", value="")
    buttons = {each: Button(name=each, label=each) for each in ("cross", "report")}
    n.on_change("value", moved)
    other.on_change("value", moved_other)
    gates.on_change("value", opened)
    buttons["cross"].on_click(cross)
    buttons["report"].on_click(report)
    if name == "timers":
        ticking = doc.add_periodic_callback(tick, 20)
        doc.add_timeout_callback(timeout, 20)
    doc.add_root(Column(children=[n, other, out, gates, *buttons.values()]))


asyncio.set_event_loop(asyncio.new_event_loop())
io_loop = IOLoop.current()
loop: Any = io_loop.asyncio_loop  # type: ignore[attr-defined]
port = int(os.environ["PORT"])
server = Server(
    {"/first": app, "/second": app}, port=port, address="127.0.0.1", io_loop=io_loop,
    allow_websocket_origin=[f"localhost:{port}"],
)  # fmt: skip
server.start()
io_loop.start()
