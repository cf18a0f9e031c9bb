"""Not an app: a process that is suspended for 2 s while its watcher is within a look, and a loop that ticks else."""

import logging
import os
import subprocess
import threading
import time

from bokeh_exporter.observe.loop.loops import LoopState
from bokeh_exporter.observe.loop.watcher import Watcher
from bokeh_exporter.state import State


class Ticking:
    """A loop, to the watcher."""

    thread = threading.get_ident()
    ticked = time.monotonic()


def freeze() -> None:
    if not suspended.is_set():
        suspended.set()
        pid = os.getpid()
        subprocess.run(["/bin/sh", "-c", f"kill -STOP {pid}; sleep 2; kill -CONT {pid}"], check=True)
    else:
        looked.set()


logging.basicConfig(level=logging.INFO)
suspended, looked, state = threading.Event(), threading.Event(), State()
loop: LoopState = Ticking()  # type: ignore[assignment]
watcher = Watcher(state, 1.0, sites=lambda: [loop], pools=list, also=[freeze])
watcher.start()
while not looked.wait(0.05):
    loop.ticked = time.monotonic()
watcher.stop()
print("stalls", state.registry.get_sample_value("bokeh_event_loop_stalls_total"))
