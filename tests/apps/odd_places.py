"""Every odd object as a callback, a value or a result at every place where a host takes one; what came of it, as JSON.

``python odd_places.py plain|panel [watched]``: run with the exporter and without, the two must say the same. An odd
object notes each of its methods that somebody runs, so who looks at it by running its code is seen, too.
"""

from __future__ import annotations

import asyncio
import collections
import functools
import gc
import inspect
import itertools
import json
import logging
import re
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

from odd_objects import NOTES, OddMeta, note, odd_objects  # type: ignore[import-not-found]  # beside this script

LOGGED: list[str] = []
#: What was warned of as never awaited, at any place: what is in a cycle is warned of whenever that is collected.
UNAWAITED: set[str] = set()
# --- what hosts are given them for -----------------------------------------------------------------


async def made(context: Any) -> Any:
    """Return a new session."""
    from bokeh.util.token import generate_jwt_token
    from tornado.httputil import HTTPServerRequest

    name = f"odd-{next(COUNT)}"
    request = HTTPServerRequest(method="GET", uri="/app")
    return await context.create_session_if_needed(name, request, generate_jwt_token(name))


async def settled(document: Any) -> None:
    """Wait until the loop has called what was due: two callbacks of ours, which come after it."""
    loop = asyncio.get_running_loop()
    for _ in range(2):
        done = asyncio.Event()
        document.add_next_tick_callback(lambda done=done: loop.call_soon_threadsafe(done.set))
        await asyncio.wait_for(done.wait(), 20)
    for _ in range(10):
        await asyncio.sleep(0)


async def of_property(document: Any, odd: Any) -> None:
    # Registered past Bokeh's look at the signature, which is the same for all of them.
    slider = document.roots[0]
    if not callable(odd):
        slider.on_change("value", odd)
    slider._callbacks["value"] = [odd]
    try:
        slider.value += 1
    finally:
        slider._callbacks.clear()
    slider.on_change("value", odd)
    slider.remove_on_change("value", odd)


async def of_event(document: Any, odd: Any) -> None:
    from bokeh.events import ButtonClick
    from bokeh.models import Button

    button = Button()
    button.on_event("button_click", odd)
    document.add_root(button)
    try:
        button._trigger_event(ButtonClick(button))
    finally:
        document.remove_root(button)


async def of_document_event(document: Any, odd: Any) -> None:
    from bokeh.events import DocumentReady

    document.on_event("document_ready", odd)
    try:
        document.callbacks.trigger_event(DocumentReady())
    finally:
        document.callbacks._event_callbacks.clear()


async def of_next_tick(document: Any, odd: Any) -> None:
    document.add_next_tick_callback(odd)


async def of_timeout(document: Any, odd: Any) -> None:
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    document.add_timeout_callback(odd, 1)
    document.add_timeout_callback(lambda: loop.call_soon_threadsafe(done.set), 2)
    await asyncio.wait_for(done.wait(), 20)


async def of_destruction(document: Any, odd: Any) -> None:
    context = document.session_context.server_context.application_context
    session = await made(context)
    session.document.on_session_destroyed(odd)
    await context._discard_session(session, lambda session: True)


async def of_value(document: Any, odd: Any) -> None:
    slider = document.roots[0]
    slider.tags = [odd]
    slider.tags = [odd, {"a": odd}, (odd,)]
    slider.tags = []


async def visited(document: Any, application: Any) -> None:
    """Make a session of another app, and end it."""
    from bokeh.server.contexts import ApplicationContext

    like = document.session_context.server_context.application_context
    context = ApplicationContext(application, io_loop=like._loop, url="/odd")
    if hasattr(like, "_executor"):
        context._executor = like._executor
    session = await made(context)
    await context._discard_session(session, lambda session: True)


async def of_function(document: Any, odd: Any) -> None:
    from bokeh.application import Application
    from bokeh.application.handlers.function import FunctionHandler

    await visited(document, Application(FunctionHandler(odd)))


async def of_executor(document: Any, odd: Any) -> None:
    note(type(await asyncio.get_running_loop().run_in_executor(None, odd)).__name__)


PLAIN = (
    of_property, of_event, of_document_event, of_next_tick, of_timeout, of_destruction, of_value,
    of_function, of_executor,
)  # fmt: skip


async def of_onload(document: Any, odd: Any) -> None:
    import panel as pn

    pn.state.onload(odd)
    for callback, threaded in pn.state._onload.pop(document, ()):
        pn.state.execute(callback, schedule="thread" if threaded else False)


async def of_execute(document: Any, odd: Any) -> None:
    import panel as pn

    pn.state.execute(odd)
    pn.state.execute(odd, schedule=True)


async def of_panels_end(document: Any, odd: Any) -> None:
    import panel as pn

    context = document.session_context.server_context.application_context
    session = await made(context)
    from panel.io.document import set_curdoc

    with set_curdoc(session.document):
        pn.state.on_session_destroyed(odd)
    await context._discard_session(session, lambda session: True)


@functools.cache
def numbers() -> Any:
    """Return a class with a parameter: a widget would take most of the time."""
    import param

    return type("Numbers", (param.Parameterized,), {"value": param.Integer(1)})


async def of_watch(document: Any, odd: Any) -> None:
    number = numbers()()
    number.param.watch(odd, "value")
    number.value += 1


async def of_bind(document: Any, odd: Any) -> None:
    import panel as pn

    slider = pn.widgets.IntSlider(value=1)
    pane = pn.panel(pn.bind(odd, slider))
    await settled(document)  # else the second call cancels the first one, or comes too late for that
    slider.value += 1
    note(type(pane).__name__)


async def of_depends(document: Any, odd: Any) -> None:
    import panel as pn

    number = numbers()()
    pn.depends(number.param.value, watch=True)(odd)
    number.value += 1


async def of_click(document: Any, odd: Any) -> None:
    import panel as pn

    button = pn.widgets.Button(on_click=odd)
    button.clicks += 1


async def of_cache(document: Any, odd: Any) -> None:
    import panel as pn

    cached = pn.cache(odd)
    note(type(cached()).__name__)
    note(type(cached()).__name__)


@functools.cache
def table() -> Any:
    import pandas as pd
    import panel as pn

    return pn.widgets.Tabulator(pd.DataFrame({"a": [1, 2]}))


async def of_cell_click(document: Any, odd: Any) -> None:
    from panel.models.tabulator import CellClickEvent

    table().on_click(odd)
    try:
        table()._process_event(CellClickEvent(model=None, column="a", row=0))
    finally:
        table()._on_click_callbacks.clear()


async def of_cell_edit(document: Any, odd: Any) -> None:
    from panel.models.tabulator import TableEditEvent

    table().on_edit(odd)
    try:
        table()._process_event(TableEditEvent(model=None, column="a", row=0))
    finally:
        table()._on_edit_callbacks.clear()


@functools.cache
def chat() -> Any:
    import panel as pn

    return pn.chat.ChatFeed(), pn.chat.ChatMessage("hello")


async def of_chat(document: Any, odd: Any) -> None:
    feed, message = chat()
    feed.callback = odd
    try:
        # What the feed does for each message, without its placeholder and without the answer's own widgets.
        more = (1,) if "callback_id" in inspect.signature(type(feed)._handle_callback).parameters else ()
        note(type(await feed._handle_callback(message, asyncio.get_running_loop(), *more)).__name__)
    finally:
        feed.callback = None
        feed.objects = []


async def of_served(document: Any, odd: Any) -> None:
    try:
        from panel.io.application import build_applications
    except ImportError:  # Panel 1.4 makes them in one go with the server
        return
    await visited(document, build_applications({"/odd": odd})["/odd"])


async def of_thread(document: Any, odd: Any) -> None:
    import panel as pn

    if not pn.state._thread_pool:
        pn.config.nthreads = 1
    pn.state.execute(odd, schedule="thread")
    # One thread: this comes after it.
    await asyncio.wrap_future(pn.state._thread_pool.submit(int))


async def of_subscriber(document: Any, odd: Any) -> None:
    from holoviews.streams import Stream

    stream = Stream.define("Odd", x=1)()
    stream.add_subscriber(odd)
    stream.event(x=2)


async def of_dynamic_map(document: Any, odd: Any) -> None:
    import holoviews as hv

    hv.DynamicMap(odd)[()]


PANEL = (
    of_onload, of_execute, of_panels_end, of_watch, of_bind, of_depends, of_click, of_cache, of_subscriber,
    of_dynamic_map, of_next_tick, of_property, of_cell_click, of_cell_edit, of_chat, of_served, of_thread,
)  # fmt: skip
COUNT = itertools.count()
SESSIONS: list[Any] = []
#: What changes the document at once.
LOCKED = (of_property, of_event, of_document_event, of_value)


# --- what came of it -------------------------------------------------------------------------------


class Log(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("bokeh_exporter"):
            if record.levelno >= logging.WARNING and "failed inside" in str(record.msg):
                LOGGED.append(f"OURS {record.getMessage()}")
            return
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        try:
            message = record.getMessage()
        except BaseException as raised:
            message = f"{record.msg} {type(raised).__name__}"
        lines = message.strip().splitlines() or [""]
        # Where Python names a callback it names ours; and a traceback within a message has frames of ours.
        said = re.sub(r"0x[0-9a-f]+|\(.*\)|<.*>|odd-\d+|Task-\d+|'[0-9a-f]{8}.*'", "...", f"{lines[0]} {lines[-1]}")
        LOGGED.append(f"{record.name} {record.levelname} {said} {error}")


def unawaited(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    UNAWAITED.add(str(message))


async def one(hook: Any, document: Any, make: Callable[[], Any]) -> dict[str, Any]:
    """Try one object at one place."""
    NOTES.clear()
    LOGGED.clear()
    outcome = "fine"
    odd = make()
    NOTES.clear()
    OddMeta.armed = True
    before = asyncio.all_tasks()
    try:
        if hook in LOCKED:
            await SESSIONS[0].with_document_locked(hook, document, odd)
        else:
            await hook(document, odd)
    except BaseException as error:
        if type(error) in (KeyboardInterrupt, SystemExit, asyncio.CancelledError):
            raise
        try:
            said = str(error).splitlines()[:1]
        except BaseException:
            said = ["?"]
        outcome = re.sub(r"0x[0-9a-f]+|odd-\d+|(?<=id=')\d+", "...", f"{type(error).__qualname__} {said}")
        del error
    await settled(document)  # also where it raised: what was scheduled is its own
    if tasks := asyncio.all_tasks() - before:  # Panel awaits what is async in a task of its own
        await asyncio.wait(tasks, timeout=20)
    OddMeta.armed = False
    counted = collections.Counter(NOTES)
    return {"outcome": outcome, "notes": dict(sorted(counted.items())), "log": sorted(LOGGED)}


#: What raises past each ``except Exception``: it ends a thread of Panel's, whose pool gets no other.
ENDING = re.compile(r"partial of|method of|around|returning|odd partial|metaclass|descriptor|(plain )?class$|.*Stop$")


def left_out(hook: Any, number: int, name: str) -> bool:
    """Whether a place does not take an object: the host never comes to an end with it, or it takes too long."""
    if hook is of_bind:
        return "generating" in name  # Panel goes through it in a task of its own, whose end nobody can wait for
    if hook is of_served:
        return number % 4 > 0  # each makes a page of Panel's, which takes as long as ten others
    return hook is of_thread and ENDING.match(name) is not None


async def matrix(document: Any, hooks: Any) -> dict[str, Any]:
    from bokeh.io.doc import patch_curdoc

    found = {}
    for hook in hooks:
        for number, (name, make) in enumerate(odd_objects()):
            if left_out(hook, number, name):
                continue
            with patch_curdoc(document):
                found[f"{hook.__name__}, {name}"] = await one(hook, document, make)
    return found


def warned() -> list[str]:
    """Return the lines that warnings of Panel's name: those of this file that asked for them."""
    import panel as pn

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pn.widgets.Button(name="old names", button_type="primary")
        if hasattr(pn, "Modal"):
            modal = pn.Modal()
            modal.open = True  # nothing shows it
    return [f"{each.filename}:{each.lineno} {each.category.__name__}" for each in caught]


async def forgotten(attr: str, old: object, new: object) -> None:
    pass


async def forgotten_event(event: object) -> None:
    pass


def dropped() -> list[str]:
    """Return the places that Python names where a host drops what a callback has returned and nobody awaits."""
    from bokeh.document import Document
    from bokeh.events import ButtonClick
    from bokeh.models import Button, Slider

    document, slider, button = Document(), Slider(start=0, end=9, value=1), Button()
    slider.on_change("value", forgotten)
    button.on_event("button_click", forgotten_event)
    document.add_root(slider)
    document.add_root(button)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        slider.value = 2
        button._trigger_event(ButtonClick(button))
    return [f"{each.filename}:{each.lineno} {each.message}" for each in caught]


def main() -> None:
    flavour, watched = sys.argv[1], "watched" in sys.argv
    logging.getLogger().addHandler(Log())
    logging.getLogger("bokeh_exporter").addHandler(Log())
    warnings.simplefilter("ignore")
    # What nobody awaits is said by its name, which must not be ours.
    warnings.filterwarnings("always", ".*never awaited", RuntimeWarning)
    warnings.showwarning = unawaited
    if watched:
        import bokeh_exporter

        exporter = bokeh_exporter.install(port=0, collect="all", sample_period=0.2, collect_garbage=False)
    from bokeh.models import Slider

    def build(doc: Any) -> None:
        doc.add_root(Slider(start=0, end=9999, value=1))

    def build_of_panel() -> Any:
        build(pn.state.curdoc)
        return pn.Column()

    server: Any
    if flavour == "panel":
        import holoviews as hv
        import panel as pn

        hv.extension("bokeh")
        server = pn.serve({"app": build_of_panel}, port=0, show=False, start=False, verbose=False)
    else:
        from bokeh.application import Application
        from bokeh.application.handlers.function import FunctionHandler
        from bokeh.server.server import Server

        server = Server({"/app": Application(FunctionHandler(build))}, port=0)
    server.start()
    gc.freeze()  # Bokeh collects at the end of each session
    found: dict[str, Any] = {}

    async def run() -> None:
        try:
            context = server._tornado.applications["/app"]
            session = await made(context)
            session.block_expiration()
            SESSIONS.append(session)
            found.update(await matrix(session.document, PANEL if flavour == "panel" else PLAIN))
            gc.collect()
            found["unawaited"] = {"named": sorted(UNAWAITED)}
            found["dropped"] = {"named": dropped()}
            if flavour == "panel":
                found["warnings"] = {"named": warned()}
            if watched:
                errors = exporter.state.totals("bokeh_exporter_errors_total")
                found["errors"] = {"counted": [row[1] for row in errors if row[2]]}
        except BaseException:
            traceback.print_exc()
        finally:
            server.io_loop.stop()

    server.io_loop.add_callback(run)
    server.io_loop.start()
    sys.stdout.write("\n" + json.dumps(found))  # below what Panel writes there of a page that failed


if __name__ == "__main__":
    main()
