"""panel serve: callbacks that wait, compute and compete for the document lock."""

import asyncio
import time
from typing import Any

import panel as pn
from app_counts import called  # type: ignore[import-not-found]

pn.extension()
ME = "timed_panel.py"
buttons = {name: pn.widgets.Button(name=name) for name in ("wait", "compute", "compete")}


async def waits(event: Any = None) -> None:
    await asyncio.sleep(0.5)
    called(f"{ME}:waits")


async def waits_too() -> None:
    await asyncio.sleep(0.5)
    called(f"{ME}:waits_too")


def computes(event: Any) -> None:
    end = time.perf_counter() + 0.3
    while time.perf_counter() < end:
        pass
    called(f"{ME}:computes")


def compete(event: Any) -> None:
    pn.state.curdoc.add_next_tick_callback(waits)
    pn.state.curdoc.add_next_tick_callback(waits_too)


buttons["wait"].on_click(waits)
buttons["compute"].on_click(computes)
buttons["compete"].on_click(compete)
pn.Column(*buttons.values()).servable()
