"""python attached_server.py - a Bokeh server at ``PORT`` that knows nothing of us; with SIGUSR1 it runs ``SCRIPT``.

As ``sys.remote_exec`` has it: between two lines of the main thread, in a namespace of its own. ``FOUND`` gets the names
of what all classes and modules of the hosts hold, and what else of a process can be changed, when a session is made.
``?keep=1`` keeps the Document for ever, ``?collect=1`` collects garbage, ``?block=SECONDS`` blocks the event loop,
``?models=NUMBER`` makes so many more. ``FOUND`` with ``.slow`` names what the exporter let the event loop's thread do
that takes long in a large process.
"""

import builtins
import gc
import inspect
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from bokeh.models import Column, Slider
from bokeh.server.server import Server

KEPT: list[Any] = []
FOUND = Path(os.environ["FOUND"])
HOSTS = ("bokeh.", "tornado.", "asyncio.")
#: All that is imported later, by the exporter, too: compared is what is there before.
MODULES = [module for name, module in list(sys.modules.items()) if name.startswith(HOSTS)]


#: By their audit events: walks of the heap, and what the endpoint is opened with.
SLOW = frozenset({"gc.get_referrers", "gc.get_objects", "socket.bind"})


def audit(event: str, arguments: object) -> None:
    if event not in SLOW or threading.current_thread() is not threading.main_thread():
        return
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if os.sep + "bokeh_exporter" + os.sep in frame.f_code.co_filename:
            with FOUND.with_suffix(".slow").open("a") as file:
                file.write(f"{event} in {frame.f_code.co_filename}\n")
            return
        frame = frame.f_back


def run(number: int, frame: object) -> None:
    exec(compile(Path(os.environ["SCRIPT"]).read_text(), "script", "exec"), {})


def held() -> Iterator[str]:
    for module in MODULES:
        for name, entry in list(vars(module).items()):
            if inspect.isfunction(entry):
                yield f"{module.__name__}.{name} {id(entry)}"
            if inspect.isclass(entry) and entry.__module__ == module.__name__:
                yield from (f"{module.__name__}.{name}.{key} {id(of)}" for key, of in list(vars(entry).items())
                            if callable(of) or isinstance(of, property | classmethod | staticmethod))  # fmt: skip
    yield from (f"handler of {number} {signal.getsignal(number)}" for number in signal.valid_signals())
    yield from (f"finder {each}" for each in sys.meta_path)
    yield from (f"collection {each}" for each in gc.callbacks)
    loggers = [name for name in logging.root.manager.loggerDict if not name.startswith("bokeh_exporter")]
    yield from (f"filter {each}" for name in loggers for each in logging.getLogger(name).filters)
    yield f"import {builtins.__import__}"
    yield f"path {sys.path}"


def build(doc: Any) -> None:
    asked = doc.session_context.request.arguments
    doc.add_root(Column(children=[Slider(name="n", start=0, end=9, value=0)]))
    if "models" in asked:
        doc.add_root(Column(children=[Slider(start=0, end=9, value=0) for _ in range(int(asked["models"][0]))]))
    if "keep" in asked:
        KEPT.append(doc)
    if "collect" in asked:
        gc.collect()
    ended = sum("_roots" not in vars(each) for each in KEPT)
    FOUND.with_suffix(".ended").write_text(f"{ended} {len(KEPT)}")
    FOUND.write_text(json.dumps(list(held())))
    if "block" in asked:  # not here: from Bokeh 3.10 on this is a thread of its own
        server.io_loop.add_callback(block, FOUND.with_suffix(".blocked"), float(asked["block"][0]))


def block(begun: Path, seconds: float) -> None:
    begun.touch()
    time.sleep(seconds)


signal.signal(signal.SIGUSR1, run)
sys.addaudithook(audit)
server = Server(
    {"/app": build}, port=int(os.environ["PORT"]), address="127.0.0.1",
    unused_session_lifetime_milliseconds=int(os.environ["LIFETIME_MS"]),
    check_unused_sessions_milliseconds=int(os.environ["CHECK_MS"]),
)  # fmt: skip
server.start()
server.io_loop.start()
