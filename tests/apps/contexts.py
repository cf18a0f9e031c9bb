"""python contexts.py - a Server with never-ending tasks, and probes of the contexts that the exporter runs in.

The button ``go`` makes its callback start a task that never ends, as Panel does; the task keeps a copy of the
callback's context. SIGUSR1 collects and prints how many of the Documents of ``/app`` are alive, and what the
exporter's sampler, timer and thread saw of a context variable that was set before everything.
"""

import asyncio
import contextvars
import gc
import json
import os
import signal
import sys
import weakref
from collections.abc import Callable
from typing import Any

from app_functions import CHECK_MS, LIFETIME_MS  # type: ignore[import-not-found]
from bokeh.models import Button, Column, Div
from bokeh.server.server import Server
from tornado.ioloop import IOLoop

OURS: contextvars.ContextVar[str] = contextvars.ContextVar("OURS", default="nothing")
OURS.set("the user's")
seen: dict[str, list[str]] = {"sampler": [], "timer": [], "thread": [], "loop": []}
documents: "weakref.WeakSet[Any]" = weakref.WeakSet()
tasks: list["asyncio.Task[None]"] = []


def probe(where: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def probed(*args: Any) -> Any:
        seen[where].append(OURS.get())
        return original(*args)

    return probed


if "--install" in sys.argv:
    import bokeh_exporter
    from bokeh_exporter.observe.loop.loops import Loops
    from bokeh_exporter.observe.memory.process import ResidentMemory
    from bokeh_exporter.observe.sessions.documents import Documents

    Documents.sample = probe("sampler", Documents.sample)  # type: ignore[method-assign]
    Loops._tick = probe("timer", Loops._tick)  # type: ignore[method-assign]
    ResidentMemory.collect = probe("thread", ResidentMemory.collect)  # type: ignore[method-assign]
    exporter = bokeh_exporter.install()


async def never() -> None:
    await asyncio.get_running_loop().create_future()


def app(doc: Any) -> None:
    documents.add(doc)
    go, out = Button(name="go", label="go"), Div(name="out", text="")

    async def work() -> None:
        tasks.append(asyncio.get_running_loop().create_task(never()))
        out.text = "started"

    go.on_click(lambda: doc.add_next_tick_callback(work))
    doc.add_root(Column(children=[go, out]))


def report() -> None:
    # Twice: what the first collection frees may have held more.
    gc.collect()
    gc.collect()
    kinds = {where: sorted(set(found)) for where, found in seen.items()}
    print("REPORT", json.dumps({"tasks": len(tasks), "alive": len(documents), "seen": kinds}), flush=True)


port = int(os.environ["PORT"])
server = Server(
    {"/app": app}, port=port, address="127.0.0.1", allow_websocket_origin=[f"localhost:{port}"],
    unused_session_lifetime_milliseconds=LIFETIME_MS, check_unused_sessions_milliseconds=CHECK_MS,
)  # fmt: skip
server.start()
loop = IOLoop.current()
loop.add_callback(lambda: seen["loop"].append(OURS.get()))
signal.signal(signal.SIGUSR1, lambda *_: loop.add_callback_from_signal(report))
server.run_until_shutdown()
