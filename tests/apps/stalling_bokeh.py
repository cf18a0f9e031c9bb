"""bokeh serve: buttons that make the server unable to answer, each until the file ``RELEASE`` appears, or for a while.

``loop`` blocks the event loop, ``native`` keeps the interpreter lock for ``SECONDS``, ``frozen`` stops the whole
process for as long, ``worker`` blocks the thread that plain callbacks run in: a pool of two, on Bokeh 3.10.
"""

import asyncio
import ctypes
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from bokeh.io import curdoc
from bokeh.models import Button, Column, Div

SECONDS = float(os.environ.get("SECONDS", "0"))

doc = curdoc()
password = "hush-password"
if not hasattr(asyncio, "_pool_of_the_test"):  # once in the process, as panel serve --num-threads 2
    asyncio._pool_of_the_test = ThreadPoolExecutor(2)  # type: ignore[attr-defined]
    asyncio.get_event_loop().set_default_executor(asyncio._pool_of_the_test)  # type: ignore[attr-defined]


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def hold(secret: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and not os.path.exists(os.environ["RELEASE"]):  # noqa: PTH110
        time.sleep(0.05)


async def blocks() -> None:
    say("blocked")
    hold(password)


async def computes_in_c() -> None:
    ctypes.PyDLL(None).sleep(int(SECONDS))
    time.sleep(0.5)  # still under way when the watcher wakes
    say("computed")


async def freezes() -> None:
    pid = os.getpid()
    subprocess.run(["/bin/sh", "-c", f"kill -STOP {pid}; sleep {SECONDS}; kill -CONT {pid}"], check=True)
    say("thawed")


def works() -> None:
    say("worker blocked")
    hold(password)


async def waits_for_ever() -> None:
    say("waiting")
    await asyncio.sleep(3600)


buttons = []
for function in (blocks, computes_in_c, freezes, waits_for_ever):
    button = Button(name=function.__name__, label=function.__name__)
    button.on_click(lambda function=function: doc.add_next_tick_callback(function))
    buttons.append(button)
worker = Button(name="works", label="works")
worker.on_click(works)
doc.add_root(Column(children=[*buttons, worker, Div(name="out", text="")]))
