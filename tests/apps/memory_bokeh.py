"""bokeh serve: callbacks that keep, free and fragment memory, and count what they did."""

import time
from typing import Any

import memory_kept  # type: ignore[import-not-found]
import numpy as np
from app_counts import count  # type: ignore[import-not-found]
from bokeh.io import curdoc
from bokeh.models import Button, Column, ColumnDataSource, Div, Slider

#: Below glibc's threshold for mappings of their own, so that the heap grows.
SMALL, PIECES = 12_000, 4_000

doc = curdoc()
shared = memory_kept.SHARED
source = ColumnDataSource({"x": shared, "view": shared[:10]})
own = ColumnDataSource({"y": np.zeros(50_000), "text": ["abc"] * 1000})
count("source_bytes", "arrays", 50_000 * 8)


def keep() -> None:
    memory_kept.BUFFERS.append(bytearray(50_000_000))
    count("calls", "keep")


def clean() -> None:
    bytearray(1_000)
    count("calls", "clean")


def objects() -> None:
    memory_kept.OBJECTS.extend([object() for _ in range(10_000)])
    count("calls", "objects")


def heap() -> None:
    memory_kept.PIECES.extend(bytearray(SMALL) for _ in range(PIECES))
    count("calls", "heap")


def free() -> None:
    memory_kept.PIECES.clear()
    count("calls", "free")


def fragment() -> None:
    rows = []
    for number in range(PIECES):
        rows.append(bytearray(SMALL))
        if number % 10 == 0:
            memory_kept.PIECES.append(bytes(600))
    del rows
    count("calls", "fragment")


def slow(attr: str, old: int, new: int) -> None:
    memory_kept.BUFFERS.append(bytearray(50_000_000))
    count("calls", "slow")
    deadline = time.monotonic() + 20
    while not memory_kept.met(2) and time.monotonic() < deadline:
        time.sleep(0.01)
    memory_kept.BUFFERS.append(bytearray(50_000_000))
    count("calls", "slow ended")


def button(function: Any) -> Button:
    made = Button(name=function.__name__, label=function.__name__)
    made.on_click(function)
    return made


n = Slider(name="slow", title="slow", start=0, end=1000, value=0)
n.on_change("value", slow)
silent = Slider(name="silent", title="silent", start=0, end=1000, value=0)
div = Div(text="", tags=[source, own])
doc.add_root(Column(children=[n, silent, div, *map(button, (keep, clean, objects, heap, free, fragment))]))
