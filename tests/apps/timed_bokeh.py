"""bokeh serve: callbacks that wait, compute and compete for the document lock."""

import asyncio
import time

from app_counts import called  # type: ignore[import-not-found]
from bokeh.io import curdoc
from bokeh.models import Button, Column

ME = "timed_bokeh.py"
doc = curdoc()
buttons = {name: Button(name=name, label=name) for name in ("wait", "compute", "compete")}


async def waits() -> None:
    await asyncio.sleep(0.5)
    called(f"{ME}:waits")


async def waits_too() -> None:
    await asyncio.sleep(0.5)
    called(f"{ME}:waits_too")


def computes() -> None:
    end = time.perf_counter() + 0.3
    while time.perf_counter() < end:
        pass
    called(f"{ME}:computes")


def compete() -> None:
    doc.add_next_tick_callback(waits)
    doc.add_next_tick_callback(waits_too)


buttons["wait"].on_click(lambda: doc.add_next_tick_callback(waits))
buttons["compute"].on_click(computes)
buttons["compete"].on_click(compete)
doc.add_root(Column(children=list(buttons.values())))
