"""python attached_server.py - a Bokeh server at ``PORT`` that knows nothing of us; with SIGUSR1 it runs ``SCRIPT``.

As ``sys.remote_exec`` has it: between two lines of the main thread, in a namespace of its own. ``FOUND`` gets the names
of what Bokeh's classes hold, whenever a session is made.
"""

import json
import os
import signal
from pathlib import Path
from typing import Any

from bokeh.document import Document
from bokeh.model import Model
from bokeh.models import Column, Slider
from bokeh.server.contexts import ApplicationContext
from bokeh.server.server import Server
from bokeh.server.session import ServerSession


def run(number: int, frame: object) -> None:
    exec(compile(Path(os.environ["SCRIPT"]).read_text(), "script", "exec"), {})


def build(doc: Any) -> None:
    doc.add_root(Column(children=[Slider(name="n", start=0, end=9, value=0)]))
    classes = (ApplicationContext, Document, Model, ServerSession)
    held = [f"{cls.__name__}.{name} {id(entry)}" for cls in classes for name, entry in vars(cls).items()]
    Path(os.environ["FOUND"]).write_text(json.dumps(held))


signal.signal(signal.SIGUSR1, run)
server = Server({"/app": build}, port=int(os.environ["PORT"]), address="127.0.0.1")
server.start()
server.io_loop.start()
