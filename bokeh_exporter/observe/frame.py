"""The frame: it times and guards the observers; they return values or raise.

One broken observer never costs more than its own numbers: the failure is counted in
``bokeh_exporter_errors_total{component}`` and logged once, the rest is served.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any, ClassVar, TypeVar

from .. import config as options
from ..config import Config
from ..state import Level, State
from ..state.levels import Parts, Snapshot
from .apps import App, Apps
from .hosts import Hosts, Subscriptions


class Observer:
    """One subject. Subclasses say what they hook, sample and read; all three are optional."""

    #: Names the observer in errors and durations.
    name: ClassVar[str]
    #: From which depth of ``collect`` it takes part.
    level: ClassVar[options.CollectLevel] = "session"

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.state = frame.state
        self.apps = frame.apps
        self.patches = frame.patches
        #: Subscribes to the hosts' events, see ``hosts.Subscriptions``.
        self.on = Subscriptions(frame.hosts, self.name, frame.order_of(type(self)))

    def start(self) -> None:
        """Subscribe to events. Called once, before or after the server exists; hooks go in when all have."""

    def refresh(self) -> None:
        """Look at what may have been imported since; called when an app is registered, after the hosts have."""

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Read levels of one loop's contexts, on that loop. ``now`` is ``time.monotonic()``."""
        return ()

    def behind(self, contexts: Sequence[tuple[Any, App]]) -> bool:
        """Do a part of what the next sample reads, on that loop; True if more is left than one sample is to do."""
        return False

    def collect(self) -> Iterable[Level]:
        """Read levels that need no loop, in the thread that answers the scrape."""
        return ()

    def stop(self) -> None:
        """Undo what the patches do not undo by themselves."""

    def after_fork(self, serves: bool) -> None:
        """In a forked child: create new locks. ``serves`` is False where the child is not a server of its own."""


AnObserver = TypeVar("AnObserver", bound=Observer)


class Frame:
    """The observers of one exporter, and what they share."""

    def __init__(self, config: Config, state: State, files: Iterable[ModuleType] = ()) -> None:
        self.config = config
        self.state = state
        self.apps = Apps(state)
        self.hosts = Hosts(state, files)
        self.patches = self.hosts.patches
        self._order: dict[type[Observer], int] = {}
        self.observers: list[Observer] = []
        #: Those that take samples, and what :meth:`find` has found.
        self._sampling: list[Observer] = []
        self._slicing: list[Observer] = []
        #: Those to stop, which an end that was interrupted goes on with.
        self._started: list[Observer] = []
        self._found: dict[type[Observer], Observer] = {}
        #: Seconds of the last sample and of the last collection of each observer, two numbers that differ widely.
        self.sampled: dict[str, float] = {}
        self.collected: dict[str, float] = {}
        #: The calls of users' functions that run now in a thread: app, callback, ``perf_counter`` of its begin.
        self.running: Callable[[int], list[tuple[str, str, float]]] = lambda thread: []
        #: The loops that run.
        self.loops: Callable[[], list[asyncio.AbstractEventLoop]] = list
        #: What is looked at after each sample, on the loop, by the name of its component: what acts on the process.
        self.after_sample: list[tuple[str, Callable[[float], None]]] = []
        #: Called on each loop that is seen running for the first time; a server does not fork after that.
        self.on_loop: Callable[[], None] = lambda: None

    def start(self, table: Iterable[type[Observer]]) -> None:
        """Make the observers of the table that the configured depth includes, and let them hook in."""
        kinds = [kind for kind in table if self.config.includes(kind.level)]
        self._order = {kind: position for position, kind in enumerate(kinds)}
        self.observers = [kind(self) for kind in kinds]
        self._sampling = [observer for observer in self.observers if type(observer).sample is not Observer.sample]
        self._slicing = [observer for observer in self.observers if type(observer).behind is not Observer.behind]
        self._found.clear()
        self.sampled.update({observer.name: 0.0 for observer in self.observers if observer not in self._sampling})
        for observer in self.observers:
            self._started.append(observer)
            if not self._guarded(observer, observer.start):
                self.patches.enabled[observer.name] = False  # the log, doctor and an alert name it
        self.hosts.start()
        self.refresh()

    def order_of(self, kind: type[Observer]) -> int:
        """Return where an observer stands in the table, which is how the subscribers of an event are nested."""
        return self._order.get(kind, len(self._order))

    def find(self, kind: type[AnObserver]) -> AnObserver:
        """Return the observer of a kind.

        Raises:
            LookupError: the table has none, or the configured depth does not include it.
        """
        found = self._found.get(kind)
        if isinstance(found, kind):
            return found
        for observer in self.observers:
            if isinstance(observer, kind):
                self._found[kind] = observer
                return observer
        raise LookupError(f"no {kind.__name__} at level {self.config.collect}")

    def after_fork(self, serves: bool) -> None:
        """Notify the observers that this is a forked child."""
        for observer in self.observers:
            self._guarded(observer, functools.partial(observer.after_fork, serves))

    def refresh(self) -> None:
        """Wrap and look at what was imported since."""
        self.hosts.refresh()
        for observer in self.observers:
            self._guarded(observer, observer.refresh)

    def stop(self) -> None:
        """Take every hook out again, in reverse order; then what observers left, which no hook brings back."""
        self.patches.remove()
        while self._started:
            self._guarded(self._started[-1], self._started[-1].stop)
            self._started.pop()

    def behind(self, contexts: Sequence[tuple[Any, App]]) -> bool:
        """Do a part of the next sample; True if the loop is to have a turn before the rest."""
        more = False
        for observer in self._slicing:
            try:
                more |= observer.behind(contexts)
            except Exception as error:
                self.state.swallow(observer.name, error)
        return more

    def sample(self, contexts: Sequence[tuple[Any, App]], last: Parts) -> Snapshot:
        """Take one sample on a loop. ``last`` holds that loop's newest levels of each observer."""
        now, start = time.monotonic(), time.perf_counter()
        for observer in self._sampling:
            try:
                last.put(observer.name, list(observer.sample(contexts, now)))
            except RuntimeError:
                self._once_more(observer, contexts, now, last)
            except Exception as error:
                self.state.swallow(observer.name, error)
            end = time.perf_counter()
            self.sampled[observer.name], start = end - start, end
        for component, look in self.after_sample:
            try:
                look(now)
            except Exception as error:
                self.state.swallow(component, error)
        return last.snapshot()

    def _once_more(self, observer: Observer, contexts: Sequence[tuple[Any, App]], now: float, last: Parts) -> None:
        try:
            last.put(observer.name, list(observer.sample(contexts, now)))
        except RuntimeError:
            pass  # something changed under the reader, twice: the last value stays, and that is no error
        except Exception as error:
            self.state.swallow(observer.name, error)

    def collect(self) -> list[Level]:
        """Read everything that needs no loop."""
        levels: list[Level] = []
        for observer in self.observers:
            if type(observer).collect is Observer.collect:
                continue
            start = time.perf_counter()
            try:
                levels.extend(observer.collect())
            except Exception as error:
                self.state.swallow(observer.name, error)
            self.collected[observer.name] = time.perf_counter() - start
        return levels

    def _guarded(self, observer: Observer, call: Callable[[], None]) -> bool:
        try:
            call()
        except Exception as error:
            self.state.swallow(observer.name, error)
            return False
        return True
