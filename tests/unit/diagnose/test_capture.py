"""The deep capture, in a process of its own: whose memory grew, which line made it, and that it ends."""

from __future__ import annotations

import json
import subprocess
import sys

from bokeh_exporter.diagnose.heap.capture import is_of_app
from bokeh_exporter.observe import hosts

from ...support.servers import environment

SCRIPT = """
import ctypes, json, threading, tracemalloc
import numpy as np
from bokeh_exporter.diagnose.heap.capture import Capture, CaptureBusyError

kept, libc = [], ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p

def array():
    kept.append(np.ones(500_000))

def text():
    kept.append(bytearray(4_000_000))

def objects():
    kept.append([object() for _ in range(60_000)])

def native():
    for _ in range(60):
        ctypes.memset(libc.malloc(70_000), 1, 70_000)

def nothing():
    pass

def busy():
    try:
        Capture(1).run()
    except CaptureBusyError as error:
        return str(error)

told = {}
# The tables of the traces of many objects are freed and used again: last, or nothing would seem to grow.
for work in (array, text, native, nothing, objects):
    found, capture = [], Capture(60)
    thread = threading.Thread(target=lambda: found.append(capture.run()))
    thread.start()
    while not tracemalloc.is_tracing():
        pass
    told["second"] = busy()
    for _ in range(8):
        work()
    capture.stop()
    thread.join()
    assert not tracemalloc.is_tracing()
    lines = [line.line for line in found[0].lines if line.file == "<string>"]
    told[work.__name__] = [found[0].of, lines[0] if lines else None, found[0].seconds < 60, found[0].text()]
tracemalloc.start()
told["host"] = busy()
print(json.dumps(told))
"""


def test_a_capture_tells_buffers_from_native_memory_and_ends() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment({}), capture_output=True, text=True, check=True, timeout=110
    )
    told = json.loads(done.stdout)
    judged = {name: told[name][0] for name in ("array", "text", "objects", "native", "nothing")}
    assert judged == {
        "array": "buffers", "text": "buffers", "objects": "buffers", "native": "native", "nothing": None
    }, [told[name][3] for name in judged]  # fmt: skip
    lines = SCRIPT.splitlines()
    assert "bytearray(4_000_000)" in lines[told["text"][1] - 1]
    assert "object() for _" in lines[told["objects"][1] - 1]
    assert all(told[name][2] for name in judged)  # each was ended early
    assert told["second"] == "a capture is running: wait until it is done"
    assert told["host"].startswith("this process already uses tracemalloc")


def test_a_library_of_another_folder_is_no_code_of_the_app() -> None:
    """holoviz/panel#6439: ipywidgets was on PYTHONPATH, and its registry was said to be the user's code."""
    assert not is_of_app("/opt/extra/site-packages/ipywidgets/widgets/widget.py")
    assert not is_of_app("/usr/lib/python3/dist-packages/yaml/__init__.py")
    assert is_of_app("/srv/app/views.py")
    # Also where no installer has put it: in a clone, or the copy that attach lays into a container.
    assert not is_of_app(hosts.__file__)
