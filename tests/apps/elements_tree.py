"""panel serve: functions that build plots, one that makes another run again, a stream of mouse moves, late writes."""

import asyncio

import holoviews as hv
import hvplot.pandas  # noqa: F401
import numpy as np
import pandas as pd
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


# What hvplot and operators of HoloViews' make, in a function that nobody times, in one that is bound, and on load.
months = pn.widgets.IntSlider(name="months", start=1, end=6, value=3)


def by_month(months: int) -> hv.Bars:
    frame = pd.DataFrame({"month": list("abcdef"), "value": range(6)})
    return frame.head(months).hvplot.bar(x="month", y="value")


def overlaid(months: int) -> hv.Overlay:
    line = hv.Curve(np.arange(months))
    return by_month(months) * line


def deferred() -> hv.Scatter:
    return hv.Scatter([(1, 2)])


def unseen(months: int) -> hv.Curve:
    return hv.Curve(np.arange(months))


later = pn.panel(pn.bind(unseen, months), defer_load=True)
unopened = pn.Tabs(("first", pn.pane.Str("first")), ("second", pn.Column(later)), dynamic=True)
loading = [pn.panel(deferred, defer_load=True), pn.panel(deferred, defer_load=True)]
plots = pn.Row(pn.pane.HoloViews(by_month(6)), pn.bind(overlaid, months), months, *loading, unopened)
# One move makes a function run three times.
source, second = (pn.widgets.IntSlider(name=name, start=0, end=1000) for name in ("source", "second"))
copied = pn.widgets.IntSlider(name="copied", start=0, end=1000)


def copies(event: param.parameterized.Event) -> None:
    copied.value = event.new
    second.value = event.new


def costly(source: int, copied: int, second: int) -> str:
    return f"{source} {copied} {second} {sum(range(2_000_000))}"


runs = pn.Row(source, second, copied, pn.bind(costly, source, copied, second))
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
source.param.watch(copies, "value")
moved = hv.DynamicMap(cross, streams=[pointer])
pn.Column(
    rows, factor, lonely, pn.bind(wave, rows, factor), pn.bind(table, rows), note, moved, late, plots, runs
).servable()
