"""bokeh serve: callbacks that replace, keep, await, wait in a thread and tick; one model that nothing shows."""

import asyncio
import cProfile
import pstats
import sys
import threading

from app_counts import gate, tell  # type: ignore[import-not-found]
from bokeh.io import curdoc
from bokeh.models import Button, Column, ColumnDataSource, Div, PasswordInput, Row, Slider, TextInput
from elements_truth import watch  # type: ignore[import-not-found]

doc = curdoc()
arguments = doc.session_context.request.arguments
name = arguments["name"][0].decode() if "name" in arguments else ""
unused = Div(text="nobody shows me")
later = Div(text="shown by a callback")
n = Slider(name="n", title="n", start=0, end=1000, value=0)
keep = Slider(name="keep", title="keep", start=0, end=1000, value=0)
refill = Slider(name="refill", title="refill", start=0, end=1000, value=0)
slow = Slider(name="slow", title="slow", start=0, end=1000, value=0)
threaded = Slider(name="threaded", title="threaded", start=0, end=1000, value=0)
profiled = Slider(name="profiled", title="profiled", start=0, end=1000, value=0)
gates = TextInput(name="open", title="open")
secret = PasswordInput(name="secret", title="secret")
tick = Button(name="tick", label="tick")
out = Column(children=[Row(children=[Div(text="0")])])
kept = Row(children=[Div(text="kept"), Div(text="kept too")])
source = ColumnDataSource(name="source", data={})
loop = asyncio.get_running_loop()


def replace(attr: str, old: int, new: int) -> None:
    out.children = [Row(children=[Div(text=str(new)), Div(text="two")])]


def keeping(attr: str, old: int, new: int) -> None:
    out.children = [kept, Div(text=str(new)), later]


def refilling(attr: str, old: int, new: int) -> None:
    out.children = []
    out.children = [kept, Div(text=str(new))]


async def awaiting(attr: str, old: int, new: int) -> None:
    await gate(name).wait()
    gate(name).clear()
    out.children = [Div(text=f"slow {new}")]


def profiling(attr: str, old: int, new: int) -> None:
    """Change what a large document holds, and write what cProfile knows of the function that works that out."""
    with cProfile.Profile() as profile:
        large = Column(children=[Div(text=str(number)) for number in range(60)])
        for children in ([large], [large, kept], [large], [large, kept], [kept]):
            out.children = children
    rows: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    bokehs = [row for (file, _, name), row in rows.items() if name == "recompute" and "exporter" not in file]
    tell("profile", [bokehs[0][0], bokehs[0][3]])


def in_thread(attr: str, old: int, new: int) -> None:
    def work() -> None:
        made = Row(children=[Div(text="of a thread")])
        doc.add_next_tick_callback(lambda: setattr(out, "children", [made]))

    threading.Thread(target=work).start()


def opened(attr: str, old: str, new: str) -> None:
    loop.call_soon_threadsafe(gate(new).set)


def ticking() -> None:
    doc.remove_periodic_callback(handle[0])
    out.children = [Div(text="ticked")]


def start() -> None:
    handle.append(doc.add_periodic_callback(ticking, 50))


handle: list[object] = []
n.on_change("value", replace)
keep.on_change("value", keeping)
refill.on_change("value", refilling)
profiled.on_change("value", profiling)
threaded.on_change("value", in_thread)
gates.on_change("value", opened)
tick.on_click(start)


def later_on(attr: str, old: int, new: int) -> None:
    doc.add_next_tick_callback(lambda: awaiting(attr, old, new))


slow.on_change("value", later_on)
doc.add_root(Column(children=[n, keep, refill, slow, threaded, profiled, gates, secret, tick, out], tags=[source]))
doc.add_root(source)
watch(doc, name)
tell("libraries", sorted({"holoviews", "panel", "param"} & sys.modules.keys()))
