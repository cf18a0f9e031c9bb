"""bokeh serve: a button that blocks the event loop until the file ``RELEASE`` appears, and a model that is kept."""

import os
import time
from typing import Any

from bokeh.io import curdoc
from bokeh.models import Button, Column, Div

if not hasattr(time, "_kept_by_the_test"):
    time._kept_by_the_test = []  # type: ignore[attr-defined]


async def blocks() -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and not os.path.exists(os.environ["RELEASE"]):  # noqa: PTH110
        time.sleep(0.05)


def pressed(event: Any) -> None:
    curdoc().add_next_tick_callback(blocks)


block = Button(name="block", label="block")
block.on_click(pressed)
kept = Div(text="MARKERkept")
time._kept_by_the_test.append(kept)  # type: ignore[attr-defined]
curdoc().add_root(Column(block, kept))
