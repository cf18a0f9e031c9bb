"""panel serve: what Panel calls itself, below no watcher; each function counts itself by its label."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from typing import Any

import callbacks_module  # type: ignore[import-not-found]
import pandas as pd
import panel as pn
from app_counts import called, count, failed  # type: ignore[import-not-found]

ME = "called_panel.py"
pn.extension("tabulator")
n = pn.widgets.IntSlider(name="n", start=0, end=1000, value=0)
go = pn.widgets.Button(name="go")
table = pn.widgets.Tabulator(pd.DataFrame({"a": [1, 2]}), name="table")


def burn() -> None:
    """Keep the thread for 50 ms."""
    end = time.perf_counter() + 0.05
    while time.perf_counter() < end:
        pass


def generates(n: int) -> Iterator[str]:
    called(f"{ME}:generates")
    for part in range(2):
        burn()
        yield f"part {part}"


async def generates_async(n: int) -> AsyncIterator[str]:
    called(f"{ME}:generates_async")
    for part in range(2):
        await asyncio.sleep(0.3)
        burn()
        yield f"part {part}"


def clicked(event: Any) -> None:
    called(f"{ME}:clicked")


def clicked_fails(event: Any) -> None:
    called(f"{ME}:clicked_fails")
    raise failed(f"{ME}:clicked_fails")


def answered(contents: str, user: str, instance: Any) -> str:
    called(f"{ME}:answered")
    return "answer"


def executed() -> None:
    called(f"{ME}:executed")


def tick() -> None:
    called(f"{ME}:tick")


def gone(session_context: Any, called: Any = called, label: str = f"{ME}:gone") -> None:
    called(label)  # the script's own names are gone by then


feed = pn.chat.ChatFeed(callback=answered)


def pressed(event: Any) -> None:
    called(f"{ME}:pressed")
    periodic = pn.state.add_periodic_callback(tick, period=20, count=2)
    count("periodic", "is the registered" if periodic.callback is tick else "is another")
    pn.state.execute(executed)
    pn.state.schedule_task("scheduled", callbacks_module.scheduled, at=datetime.now() + timedelta(seconds=0.1))
    feed.send("question")


table.on_click(clicked)
table.on_click(clicked_fails, column="a")
go.on_click(pressed)
pn.state.on_session_destroyed(gone)
views = [pn.panel(pn.bind(function, n)) for function in (generates, generates_async)]
pn.Column(n, go, table, feed, *views).servable()
