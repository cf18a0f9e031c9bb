"""bokeh serve: each click on ``pass`` lets twelve minutes of the wall clock pass, in which the session grows by 240 kB.

A leak that people find after days, in a few seconds. Each time ends with a full collection, as a server has between
two samples.
"""

import gc
import time
from collections.abc import Callable

from bokeh.io import curdoc
from bokeh.models import Button

ahead = [0.0]
kept: list[bytearray] = []


def later(clock: Callable[[], float] = time.time, ahead: list[float] = ahead) -> float:
    """Say how late it is. The names of the module are gone before the process is."""
    return clock() + ahead[0]


def pass_on() -> None:
    kept.extend(bytearray(800) for _ in range(300))
    ahead[0] += 720.0
    gc.collect()


if time.time.__name__ != "later":  # once in the process
    time.time = later
button = Button(name="pass", label="pass")
button.on_click(pass_on)
curdoc().add_root(button)
