"""panel serve: notes the number of the interaction wherever param and Panel call something.

``?name=a`` names a session. The text input ``open`` opens a gate, at which crossing callbacks wait.
"""

import asyncio
from typing import Any

import panel as pn
import param
from app_counts import BOOKED, count, gate, saw, tell  # type: ignore[import-not-found]
from bokeh.models import Div, Range1d

import bokeh_exporter
from bokeh_exporter.state.interactions import Interaction, current

STEPS = 3
pn.extension()
exporter = bokeh_exporter.install()
arguments = pn.state.session_args
name = arguments["name"][0].decode() if "name" in arguments else ""


def here(place: str) -> None:
    saw(f"{name}.{place}", current.get())


def built() -> None:
    Range1d()
    count("built", str(current.get()))


class Model(param.Parameterized):  # type: ignore[misc]
    n = param.Integer(default=0)

    @param.depends("n", watch=True)  # type: ignore[untyped-decorator]
    def depends(self) -> None:
        here("depends")

    @param.depends("n", watch=True)  # type: ignore[untyped-decorator]
    async def depends_async(self) -> None:
        await asyncio.sleep(0.01)
        here("depends, async")


model = Model()
n = pn.widgets.IntSlider(name="n", start=0, end=1000, value=0)
shown = Div(text="x")
gates = pn.widgets.TextInput(name="open", value="")
buttons = {each: pn.widgets.Button(name=each) for each in ("cross", "report")}


def watched(event: Any) -> None:
    here("watch")
    built()
    model.n = event.new
    pn.state.curdoc.add_next_tick_callback(next_tick)
    pn.state.execute(executed, schedule=True)
    if pn.state._thread_pool is not None:
        pn.state.execute(in_pool, schedule="thread")


def in_pool() -> None:
    here("pool")
    built()


def next_tick() -> None:
    here("next tick")


def executed() -> None:
    here("execute")


async def watched_async(event: Any) -> None:
    here("watch, async")
    task = asyncio.create_task(child())
    await asyncio.to_thread(here, "thread")
    await task


async def child() -> None:
    await asyncio.sleep(0.02)
    here("task")
    built()


def view(n: int) -> str:
    if n:
        here("bind")
    return f"n = {n}"


async def crossing(event: Any) -> None:
    for step in range(STEPS):
        here("cross")
        built()
        await gate(f"{name}{step}").wait()
    here("cross")


def opened(event: Any) -> None:
    loop.call_soon_threadsafe(lambda: gate(event.new).set())


def record(one: Interaction) -> dict[str, Any]:
    found = {each: getattr(one, each) for each in BOOKED}
    return found | {"phase": exporter.state.interactions.origin(one.number)[1]}


def report(event: Any) -> None:
    tell("records", [record(one) for one in exporter.state.interactions])


def tick() -> None:
    here("tick")
    if pn.state._thread_pool is None:  # a thread has no lock to change it under
        shown.text = "x" * (1000 + len(shown.text))


def loaded() -> None:
    here("onload")
    if name == "timers":
        pn.state.add_periodic_callback(tick, period=20, count=3)


here("build")
loop = asyncio.get_running_loop()
n.param.watch(watched, "value")
n.param.watch(watched_async, "value")
gates.param.watch(opened, "value")
buttons["cross"].on_click(crossing)
buttons["report"].on_click(report)
pn.state.onload(loaded)
pn.Column(n, gates, *buttons.values(), shown, pn.panel(pn.bind(view, n))).servable()
