"""The target's half of ``bokeh-exporter attach`` and ``detach``: runs in a server that was started without us.

The script that ``sys.remote_exec`` lets the server run imports this file, and it returns at once: what takes its time
is done in a thread, and the exporter is installed on the event loop of an application, as ``install()`` in the app's
own code would be. What happened goes into a file, for whoever has attached.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

#: Seconds for a loop to come by, and for the endpoint to listen.
_PATIENCE = 60.0
#: What was added to ``sys.path``.
_added: list[str] = []


def attach(answer: str, given: Mapping[str, Any], paths: Sequence[str] = ()) -> None:
    """Install the exporter, and write its URL into the file ``answer``; ``paths`` were added to ``sys.path`` for it."""
    _added.extend(paths)
    _apart(answer, lambda: _attach(given))


def explain(answer: str) -> None:
    """Find who holds what destroyed sessions left, and write it into the file ``answer``."""
    _apart(answer, _explain)


def detach(answer: str) -> None:
    """Take the exporter out again, and say so in the file ``answer``."""
    _apart(answer, _detach)


def _apart(answer: str, work: Callable[[], dict[str, Any]]) -> None:
    def run() -> None:
        try:
            found = work()
        except TimeoutError as error:
            found = {"error": str(error)}
        except ImportError as error:
            found = {"error": f"the server's Python has no {error.name}: pip install bokeh-exporter there"}
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}"}
        _write(answer, found)

    # Tasks and timers of ours must not keep alive what happens to run now.
    threading.Thread(target=contextvars.Context().run, args=(run,), name="bokeh_exporter attach", daemon=True).start()


def _write(answer: str, found: Mapping[str, Any]) -> None:
    path = Path(f"{answer}.part")
    path.write_text(json.dumps(found), encoding="utf-8")
    path.replace(answer)


def _attach(given: Mapping[str, Any]) -> dict[str, Any]:
    from .installation import installed

    if installed():
        return {"error": "there is a bokeh_exporter in that process already: ask it by its PID, or detach it first"}
    if "bokeh.server.contexts" not in sys.modules:
        return {"error": "there is no Bokeh server in that process: give the PID of the one that serves"}
    from . import installation
    from .diagnose.heap.interpreter import InterpreterError
    from .observe.hosts.bokeh_sessions import contexts, loop_of, session_count
    from .observe.hosts.seams import found_before, read_ahead
    from .observe.table import HOSTS

    # All that takes its time is done here: the loop has visitors. What it does is a few milliseconds.
    read_ahead(HOSTS)
    with found_before(*_look()):
        found = [(loop, session_count(context)) for context in contexts() if (loop := loop_of(context)) is not None]
        loops = [loop for loop, _ in found if loop.is_running()]
        if not loops:
            return {"error": "there is no Bokeh server that runs in that process: give the PID of the one that serves"}
        exporter, deadline = _on(loops[0], lambda: installation.attach(**given)), time.monotonic() + _PATIENCE
    while exporter.url is None and exporter.config.prometheus and time.monotonic() < deadline:
        time.sleep(0.05)
    if exporter.url is None:
        return {"error": "the exporter does not listen; the server's log says why"}
    answer = {"url": exporter.url, "sessions": sum(number for _, number in found), "pid": os.getpid()}
    answer["paths"] = list(_added)
    try:
        return {**answer, "left": exporter.adopt(), "unseen": ""}
    except InterpreterError as error:
        return {**answer, "left": {}, "unseen": str(error)}


def _look() -> tuple[Sequence[type], Sequence[Any]]:
    """Find applications and servers, with a turn for others in between; return their classes, and what was found."""
    from .diagnose.heap.holders import leftovers
    from .diagnose.heap.interpreter import InterpreterError
    from .observe.hosts.bokeh_server import server_classes
    from .observe.hosts.bokeh_sessions import context_class

    classes = [context_class(), *server_classes()]
    try:
        return classes, leftovers(classes, lambda thing: True)
    except InterpreterError:
        return (), ()  # they are found by one walk


def _on(loop: asyncio.AbstractEventLoop, work: Callable[[], T]) -> T:
    """Do it on an event loop, and return what it returns.

    Raises:
        TimeoutError: the loop is blocked; it will be done after that.
    """
    done, made, failed = threading.Event(), list[T](), list[Exception]()

    def run() -> None:
        try:
            made.append(work())
        except Exception as error:
            failed.append(error)
        done.set()

    # Tasks and timers of ours must not keep alive what happens to run now.
    loop.call_soon_threadsafe(run, context=contextvars.Context())
    if not done.wait(_PATIENCE):
        raise TimeoutError(f"the event loop has been blocked for {_PATIENCE:.0f} s; it will be done after that")
    if failed:
        raise failed[0]
    return made[0]


def _explain() -> dict[str, Any]:
    from .installation import current

    exporter = current()
    if exporter is None:
        return {"error": "there is no bokeh_exporter in that process"}
    return dict(exporter.explain())


def _detach() -> dict[str, Any]:
    from .installation import current, uninstall

    exporter = current()
    if exporter is None:
        return {"error": "there is no bokeh_exporter in that process"}
    loops = exporter.loops()
    if loops:  # handlers of signals are the main thread's
        _on(loops[0], exporter.give_back_signals)
    uninstall()
    while _added:
        path = _added.pop()
        if path in sys.path:
            sys.path.remove(path)
    return {"detached": True, "pid": os.getpid()}
