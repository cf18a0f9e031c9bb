"""An app that gives to everything a name that somebody typed: the marker. Each document is held by one such thing.

The marker is in no literal of this file, as nothing that users type is.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from typing import Any

import marked_store  # type: ignore[import-not-found]  # beside this script
from bokeh.io import curdoc
from bokeh.models import Button, Slider, TextInput

MARK = os.environ["MARK"]
doc = curdoc()
how = doc.session_context.request.arguments.get("how", [b""])[0].decode()


def made(name: str, file: str = "<string>", body: str = "pass") -> Callable[..., None]:
    names: dict[str, Any] = {"__name__": __name__}
    exec(compile(f"def {name}(attr, old, new): {body}", file, "exec"), names)
    function: Callable[..., None] = names[name]
    return function


def of_module(attr: str, old: object, new: object) -> None:
    pass


def renamed(attr: str, old: object, new: object) -> None:
    pass


def assigned(attr: str, old: object, new: object) -> None:
    pass


def keep(document: object) -> None:
    threading.Event().wait()


async def wait(document: object) -> None:
    await asyncio.Event().wait()


class Handler(logging.Handler):
    def __init__(self, document: object) -> None:
        super().__init__()
        self.document = document

    def emit(self, record: logging.LogRecord) -> None:
        pass


assigned.__name__ = assigned.__qualname__ = f"{MARK}_assigned"
of_module.__module__ = f"{MARK}_module"
fields: dict[str, Any] = {each: f"{MARK}_{each}" for each in ("co_name", "co_qualname") if hasattr(made.__code__, each)}
renamed.__code__ = renamed.__code__.replace(**fields)
slider = Slider(start=0, end=10, value=1, title="slider", name="slider")
typed = TextInput(title="typed", name="typed")
slider.on_change("value", made(f"{MARK}_made"), assigned, of_module, renamed)
slider.on_change("value", made(f"{MARK}_here", __file__), made("plain", f"<{MARK} text>"))
typed.on_change("value", assigned)
for root in slider, typed, Button(label="press", name="press"):
    doc.add_root(root)
if how == "key":
    marked_store.STORE[f"{MARK}-key"] = doc
elif how == "pair":
    marked_store.PAIRS[f"{MARK}", 3] = {f"{MARK}.inner": [doc]}
elif how == "thread":
    threading.Thread(target=keep, args=(doc,), name=f"{MARK} thread", daemon=True).start()
elif how == "target":
    target = made(f"{MARK}_target", __file__, "import threading; threading.Event().wait()")
    threading.Thread(target=target, args=(doc, 1, 2), daemon=True).start()
elif how == "task":
    marked_store.TASKS.append(asyncio.get_event_loop().create_task(wait(doc), name=f"{MARK} task"))
elif how == "logger":
    logging.getLogger(f"acme.{MARK}").addHandler(Handler(doc))
elif how == "attribute":
    holder = type("Holder", (), {})()
    setattr(holder, f"{MARK}_attribute", doc)
    marked_store.HOLDERS.append(holder)
elif how == "function":
    function = made(f"{MARK}_kept")
    function.__defaults__ = (doc,)
    marked_store.FUNCTIONS.append(function)
