"""Play starts what blocks for a while, half a second later, unless Pause came first. After holoviz/panel#7578."""

import time

from bokeh.io import curdoc
from bokeh.layouts import column
from bokeh.models import Button

play, pause, hidden = Button(label="Play"), Button(label="Pause"), Button(label="Clear", visible=False)
started: list[object] = []


async def follow() -> None:
    stop()
    time.sleep(1.5)  # on the loop, as what is async is in every version of Bokeh


def start() -> None:
    if not started:
        started.append(curdoc().add_timeout_callback(follow, 500))


def stop() -> None:
    while started:
        callback = started.pop()
        if callback in curdoc().session_callbacks:
            curdoc().remove_timeout_callback(callback)


def clear() -> None:
    raise RuntimeError("nobody can see this button")


play.on_click(start)
pause.on_click(stop)
hidden.on_click(clear)
curdoc().add_root(column(play, pause, hidden))
