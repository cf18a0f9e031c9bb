"""Which applications, servers and loops there are: weak references, never strong ones.

An application is known by its ``ApplicationContext``, which every host has: Bokeh's tornado and
ASGI servers, Panel's admin page, bokeh-fastapi and bokeh-django. Its label is the registered path,
never a URL.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from ..catalogue import OTHER
from ..state import State
from ..state.events import EventCounter, EventHistogram
from . import slots
from .hosts.bokeh_sessions import context_of, document_of, path_of, session_count, sessions_of

Made = TypeVar("Made")


class App:
    """One registered path and the bound metric children of its label."""

    def __init__(self, state: State, label: str) -> None:
        self.label = label
        #: Whether a session of it was ever made; who was never visited may lose its place to one that is.
        self.visited = False
        #: Who gains memory while a message of this app is handled.
        self.message = label, "message"
        #: Begins an interaction that updates a document of this app, given its kind.
        self.begin = state.interactions.beginner(label)
        self._numbers = state
        #: What was looked up and made once: by name and labels of a row, and by what :meth:`bundle` was given.
        self.bound: dict[Any, Any] = {}

    def counter(self, name: str, *labels: str) -> EventCounter:
        """Return the child of a counter's row for this app, looked up once."""
        bound: EventCounter | None = self.bound.get((name, labels))
        if bound is None:
            bound = self.bound[name, labels] = self._numbers.counter(name, self.label, *labels)
        return bound

    def histogram(self, name: str, *labels: str) -> EventHistogram:
        """Return the child of a histogram's row for this app, looked up once."""
        bound: EventHistogram | None = self.bound.get((name, labels))
        if bound is None:
            bound = self.bound[name, labels] = self._numbers.histogram(name, self.label, *labels)
        return bound

    def counting(self, name: str, *labels: str) -> Callable[[], Any]:
        """Return what counts one of a counter's row for this app, for a hot path."""
        return self._numbers.counts.of(self.counter(name, *labels)).one

    def zeros(self, name: str, *labels: str) -> Callable[[], Any]:
        """Return what observes a 0 of a histogram's row for this app, for a hot path."""
        return self._numbers.counts.of(self.histogram(name, *labels)).one

    def bundle(self, label: Any, make: Callable[[App, Any], Made]) -> Made:
        """Return what ``make`` made for a label (or what it stands for, as a class) of this app, made once."""
        bound: Made | None = self.bound.get(label)
        if bound is None:
            bound = self.bound[label] = make(self, label)
        return bound


class Apps:
    """The applications that are alive, by their contexts."""

    def __init__(self, state: State) -> None:
        self._numbers = state
        self._guard = threading.Lock()
        self._apps: dict[str, App] = {}
        self._other = App(state, OTHER)
        self._contexts: weakref.WeakSet[Any] = weakref.WeakSet()

    def add(self, context: Any) -> App:
        """Register an ``ApplicationContext``; harmless to repeat."""
        with self._guard:
            app = slots.app.get(context)
            if app is not None:
                return app
            path = path_of(context)
            label = self._numbers.limiter.admit_app(path)
            if label == OTHER != path:
                # Its children are looked up by "other", so the limiter sees no folding there.
                self._numbers.counter("bokeh_exporter_overflow_total", "bokeh_sessions").inc()
            app = self._apps.get(label)
            if app is None:
                app = self._apps[label] = App(self._numbers, label)
                self._numbers.touch_app(label)
            app.visited = app.visited or session_count(context) > 0
            slots.app.put(context, app)
            self._contexts.add(context)
            return app

    def visit(self, context: Any) -> App:
        """Return the app of a context of which a session is about to be made.

        A server may register more apps than have a place of their own (a scheduler of Dask has 47, of which a few are
        ever opened): one that is beyond the cap takes the place of one that nobody has visited.
        """
        app = self.of(context)
        if app.label == OTHER != path_of(context) and self._make_room():
            slots.app.take(context)
            app = self.add(context)
        app.visited = True
        return app

    def _make_room(self) -> bool:
        with self._guard:
            for context in list(self._contexts):
                app = slots.app.get(context)
                if app is not None and app.label != OTHER and not app.visited:
                    slots.app.put(context, self._apps.setdefault(OTHER, App(self._numbers, OTHER)))
                    del self._apps[app.label]
                    break
            else:
                return False
        self._numbers.remove_app(app.label)
        self._numbers.touch_app(OTHER)
        return True

    def of(self, context: Any) -> App:
        """Return the app of a context; 60 ns once it is registered."""
        app = slots.app.get(context)
        return app if app is not None else self.add(context)

    def of_document(self, document: Any) -> App | None:
        """Return the app of a document, if a server made it."""
        app = slots.app.get(document)
        if app is None:
            context = context_of(document)
            if context is not None:
                app = self.of(context)
                slots.app.put(document, app)
        return app

    def labelled(self, label: str) -> App:
        """Return the app of a label; one that is gone or was never known counts as ``other``."""
        return self._apps.get(label) or self._other

    def alive(self) -> list[tuple[Any, App]]:
        """List the contexts that are alive, with their apps."""
        return [(context, self.of(context)) for context in list(self._contexts)]

    def clear(self) -> None:
        """Take our mark off every context."""
        for context in list(self._contexts):
            slots.app.take(context)
            for session in sessions_of(context):
                slots.app.take(document_of(session))

    def labels(self) -> list[str]:
        """List the labels of the known apps."""
        return list(self._apps)

    def prune(self) -> None:
        """Drop the series of apps whose last context is gone."""
        with self._guard:
            apps = [slots.app.get(context) for context in list(self._contexts)]
            alive = {app.label for app in apps if app is not None}
            gone = [label for label in self._apps if label not in alive]
            for label in gone:
                del self._apps[label]
        for label in gone:
            self._numbers.remove_app(label)
