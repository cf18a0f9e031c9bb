"""panel serve: functions that build plots, one that makes another run again, a stream of mouse moves, late writes."""

import asyncio

import holoviews as hv
import numpy as np
import panel as pn
import param
from bokeh.plotting import figure

hv.extension("bokeh")
pn.extension()
rows = pn.widgets.IntSlider(start=0, end=1000)
factor = pn.widgets.IntSlider(name="factor", start=0, end=1000)
note = pn.pane.Markdown("nothing yet")
pointer = hv.streams.PointerXY(x=0, y=0)
lonely = pn.widgets.Button(name="lonely")
unused = pn.widgets.Checkbox(name="unused")


def wave(rows: int, factor: int) -> figure:
    plot = figure(width=300, height=200)
    plot.line(np.arange(rows + 2), factor * np.arange(rows + 2))
    return plot


def table(rows: int) -> pn.Column:
    column = pn.Column(pn.pane.Markdown("# a"))
    column.append(pn.pane.Markdown(f"{rows} rows"))
    return column


def follows(event: param.parameterized.Event) -> None:
    factor.value = event.new


def cross(x: float, y: float) -> hv.Points:
    return hv.Points([(0, 0), (x, y), (9, 9)])  # the mouse stays within


# Panel writes changes later where it finds that a message to a slow browser is being written.
waiting = {name: pn.widgets.IntSlider(name=name, start=0, end=1000) for name in ("one", "other", "write")}
notes = {name: pn.pane.Str(name) for name in ("one", "other")}
writing, written = asyncio.Event(), asyncio.Event()


async def one_later(event: param.parameterized.Event) -> None:
    await writing.wait()
    notes["one"].object = "one" * event.new


async def other_later(event: param.parameterized.Event) -> None:
    await writing.wait()
    notes["other"].object = "other" * event.new
    written.set()


async def write(event: param.parameterized.Event) -> None:
    (connection,) = pn.state.curdoc.session_context.session._subscribed_connections
    async with connection._socket.write_lock:
        writing.set()
        await written.wait()


for name, function in {"one": one_later, "other": other_later, "write": write}.items():
    waiting[name].param.watch(function, "value")
late = pn.Row(*waiting.values(), *notes.values())
rows.param.watch(follows, "value")
moved = hv.DynamicMap(cross, streams=[pointer])
pn.Column(rows, factor, lonely, pn.bind(wave, rows, factor), pn.bind(table, rows), note, moved, late).servable()
