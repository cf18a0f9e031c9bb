"""panel serve: what Panel, param, HoloViews and hvplot rebuild; a template; things that nothing shows."""

import asyncio

import holoviews as hv
import hvplot.pandas  # noqa: F401
import numpy as np
import pandas as pd
import panel as pn
import param
from elements_truth import watch  # type: ignore[import-not-found]

hv.extension("bokeh")
pn.extension("tabulator")
arguments = pn.state.session_args
name = arguments["name"][0].decode() if "name" in arguments else ""
points = hv.Points([(1, 2)])
spare = pn.widgets.IntSlider(name="spare")


class Counter(pn.custom.JSComponent):  # type: ignore[misc]
    value = param.Integer(default=0)

    _esm = """export function render({ model }) {
      const button = document.createElement("button")
      button.onclick = () => { model.value += 1 }
      return button
    }"""


def slider(name: str) -> pn.widgets.IntSlider:
    return pn.widgets.IntSlider(name=name, start=0, end=1000)


bound, depended, watched, streamed, plotted, awaited = (
    slider(each) for each in ("bound", "depended", "watched", "streamed", "plotted", "awaited")
)
looking = pn.widgets.Button(name="look")
counter = Counter(name="counter")
shown = pn.pane.Markdown("nothing yet")


def second() -> pn.pane.Markdown:
    return pn.pane.Markdown("second")


tabs = pn.Tabs(("one", pn.pane.Markdown("first")), ("two", second()), dynamic=True, name="tabs")
drawn = hv.streams.Pipe(data=1)
UNLUCKY = 13


def view(n: int) -> pn.Column:
    return pn.Column(pn.pane.Markdown(f"# {n}"), pn.widgets.Tabulator(pd.DataFrame({"a": range(3)})))


@pn.depends(depended)  # type: ignore[untyped-decorator]
def text(n: int) -> str:
    return f"n = {n}"


def moved(event: param.parameterized.Event) -> None:
    shown.object = f"moved to {event.new}"


def pressed(event: param.parameterized.Event) -> None:
    shown.object = f"pressed {event.new}"


def curve(data: int) -> hv.Curve:
    if data == UNLUCKY:
        raise ValueError("the curve raises")
    return hv.Curve(np.arange(data + 2))


def received(data: int) -> None:
    pass


def send(event: param.parameterized.Event) -> None:
    drawn.send(event.new)


def plot(n: int) -> hv.Curve:
    return pd.DataFrame({"y": np.arange(n + 2)}).hvplot.line()


async def slowly(event: param.parameterized.Event) -> None:
    await asyncio.sleep(0.05)
    shown.object = f"awaited {event.new}"


watched.param.watch(moved, "value")
counter.param.watch(pressed, "value")
streamed.param.watch(send, "value")
awaited.param.watch(slowly, "value")
drawn.add_subscriber(received)
dynamic = hv.DynamicMap(curve, streams=[drawn])
hvplotted = hv.DynamicMap(pn.bind(plot, plotted))
widgets = pn.Column(bound, depended, watched, streamed, plotted, awaited, counter, looking)
plots = pn.Column(pn.pane.HoloViews(dynamic), pn.pane.HoloViews(hvplotted))
body = pn.Column(pn.bind(view, bound), text, shown, tabs, plots)
if "template" in arguments:
    template = pn.template.BootstrapTemplate(title="elements")
    template.sidebar.append(widgets)
    template.main.append(body)
    template.servable()
else:
    pn.Column(widgets, body).servable()


def loaded() -> None:
    look = watch(pn.state.curdoc, name)
    looking.on_click(lambda event: look())


pn.state.onload(loaded)
