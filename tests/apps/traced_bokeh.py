"""bokeh serve: callbacks that make spans of their own, as a database's instrumentation does."""

import asyncio
from typing import Any

from bokeh.io import curdoc
from bokeh.models import Button, Column, Slider, TextInput
from opentelemetry import trace

tracer = trace.get_tracer("database")
n = Slider(name="n", title="n", start=0, end=1000, value=0)
go = Button(name="go", label="go")
fail = Button(name="fail", label="fail")
text = TextInput(name="text", title="text")


def query(name: str) -> None:
    with tracer.start_as_current_span(name):
        pass


def moved(attr: str, old: int, new: int) -> None:
    query("in callback")


async def pressed() -> None:
    await asyncio.sleep(0.01)
    query("after await")
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(query, "in thread")
    task = loop.create_task(later())
    await task


async def later() -> None:
    query("in task")


def failing(event: Any) -> None:
    raise KeyError("MARKERkey" + text.value)


n.on_change("value", moved)
doc = curdoc()
go.on_click(lambda: doc.add_next_tick_callback(pressed))
fail.on_click(failing)
text.on_change("value", lambda attr, old, new: None)
curdoc().add_root(Column(n, go, fail, text))
