"""Which applications, servers and loops there are: weak references, never strong ones.

An application is known by its ``ApplicationContext``, which every host has: Bokeh's tornado and
ASGI servers, Panel's admin page, bokeh-fastapi and bokeh-django. Its label is the registered path,
never a URL. Contexts that exist before ``install()`` are found once through the referrers of their
class, which walks the heap in C and makes no list of it that another thread could see.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

from ..state import State


class App:
    """One registered path and the bound metric children of its label."""

    def __init__(self, state: State, label: str) -> None:
        self.label = label
        self._state = state
        self._bound: dict[Any, Any] = {}

    def child(self, name: str, *labels: str) -> Any:
        """Return the child of a catalogue row for this app, looked up once."""
        key = (name, labels)
        bound = self._bound.get(key)
        if bound is None:
            bound = self._bound[key] = self._state.child(name, self.label, *labels)
        return bound


class Apps:
    """The applications that are alive, by their contexts."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._apps: dict[str, App] = {}
        self._contexts: weakref.WeakKeyDictionary[Any, App] = weakref.WeakKeyDictionary()

    def add(self, context: Any) -> App:
        """Register an ``ApplicationContext``; harmless to repeat."""
        with self._lock:
            app = self._contexts.get(context)
            if app is not None:
                return app
            label = self._state.limiter.admit_app(path_of(context))
            app = self._apps.get(label)
            if app is None:
                app = self._apps[label] = App(self._state, label)
                self._state.touch_app(label)
            self._contexts[context] = app
            return app

    def of(self, context: Any) -> App | None:
        """Return the app of a context, if it is registered."""
        return self._contexts.get(context)

    def alive(self) -> list[tuple[Any, App]]:
        """List the contexts that are alive, with their apps."""
        return list(self._contexts.items())

    def labels(self) -> list[str]:
        """List the labels of the known apps."""
        return list(self._apps)

    def prune(self) -> None:
        """Drop the series of apps whose last context is gone."""
        if len(self._apps) == 0:
            return
        with self._lock:
            alive = {app.label for app in self._contexts.values()}
            gone = [label for label in self._apps if label not in alive]
            for label in gone:
                del self._apps[label]
        for label in gone:
            self._state.remove_app(label)


def path_of(context: Any) -> str:
    """Return the registered path of a context; bokeh-django registers patterns such as ``^shapes$``."""
    return "/" + str(getattr(context, "_url", None) or "").strip("^$/")


def context_of(document: Any) -> Any | None:
    """Return the ``ApplicationContext`` that a document was made in, if a server made it."""
    session_context = getattr(document, "session_context", None)
    server_context = getattr(session_context, "server_context", None)
    return getattr(server_context, "application_context", None)


def loop_of(thing: Any) -> asyncio.AbstractEventLoop | None:
    """Return the asyncio loop of a context or host, whose ``_loop`` may be tornado's wrapper of it."""
    loop = getattr(thing, "_loop", None)
    return getattr(loop, "asyncio_loop", loop)


def instances(cls: type) -> Iterator[Any]:
    """Find the existing instances of a class and its subclasses. A heap walk: for start-up only."""
    for kind in (cls, *cls.__subclasses__()):
        for found in gc.get_referrers(kind):
            if type(found) is kind:
                yield found
        if kind is not cls:
            for sub in kind.__subclasses__():
                yield from instances(sub)
