"""bokeh serve: writes to standard output what callbacks are given and what comes out of them."""

import asyncio
import traceback
from pathlib import Path
from typing import Any

from bokeh.io import curdoc
from bokeh.models import Button, Column, Div, Slider

doc = curdoc()
n = Slider(name="n", title="n", start=0, end=1000, value=0)
go = Button(name="go", label="go")
later = Button(name="later", label="later")
out = Div(name="out", text="")
error = ValueError("the one")


def say(*words: object) -> None:
    print("app:", *words, flush=True)


def moved(attr: str, old: int, new: int) -> None:
    say("moved", attr, old, new, curdoc() is doc)
    if new == 5:
        raise error


def moved_last(attr: str, old: int, new: int) -> None:
    say("moved last", attr, old, new)


def frames(caught: BaseException) -> list[str]:
    found = traceback.extract_tb(caught.__traceback__)
    return [frame.name for frame in found if Path(frame.filename).name == "transparent_bokeh.py"]


def pressed(event: Any) -> str:
    say("pressed", event.event_name, event.model is go)
    for value in 4, 5:
        try:
            n.value = value
        except ValueError as caught:
            say("caught", caught is error, caught.__cause__, caught.__context__, frames(caught), n.value)
    n.remove_on_change("value", moved)
    n.value = 6
    try:
        n.remove_on_change("value", moved)
    except ValueError as caught:
        say("removed before", type(caught).__name__)
    return "ignored"


async def asynchronous() -> str:
    say("asynchronous", curdoc() is doc)
    task = asyncio.create_task(fails())
    try:
        await task
    except ValueError as caught:
        say("caught", caught is error, frames(caught))
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.01)
    except asyncio.TimeoutError as caught:
        say("timed out", type(caught).__name__)
    out.text = "asynchronous"
    return "ignored"


async def fails() -> None:
    raise error


def scheduled() -> None:
    callbacks = [
        doc.add_periodic_callback(scheduled, 60_000),
        doc.add_timeout_callback(asynchronous, 60_000),
        doc.add_next_tick_callback(asynchronous),
    ]
    say(*(type(callback).__name__ for callback in callbacks), len(doc.session_callbacks))
    doc.remove_periodic_callback(callbacks[0])
    doc.remove_timeout_callback(callbacks[1])
    say(len(doc.session_callbacks))
    try:
        doc.remove_periodic_callback(callbacks[0])
    except ValueError as caught:
        say(caught)


n.on_change("value", moved, moved_last)
go.on_event("button_click", pressed)
later.on_click(scheduled)
doc.add_root(Column(children=[n, go, later, out]))
