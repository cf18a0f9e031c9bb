"""The hosts: Bokeh, tornado, Panel and what else serves an app. Only files of this folder know their internals.

:class:`Hosts` brings seams and subscribers together: it wraps a host's function, once, where somebody subscribes to
its event and the library is imported. What differs between versions is decided by the rows of :mod:`.seams` and the
files beside it, nowhere else. The exporter hands in the files, see ``observe.table``.
"""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Awaitable, Callable, Iterable
from types import CoroutineType, ModuleType
from typing import Any

from ...state import State
from .events import Enter, Event, Leave
from .patches import Patches
from .seams import Facts, Seam, Wrap

__all__ = ["Enter", "Hosts", "Leave", "Subscriptions", "changing"]

#: What is counted in ``bokeh_exporter_errors_total`` where a wrapper fails that serves several observers.
COMPONENT = "hosts"


class Hosts:
    """The wrapped functions of one exporter, and the events that they say."""

    def __init__(self, state: State, files: Iterable[ModuleType]) -> None:
        self.state = state
        self.patches = Patches(state)
        self._files = tuple(files)
        self._events: dict[str, Event] = {}
        self._wrapped: set[Seam] = set()
        #: By seam: the owners whose function is wrapped, see :meth:`wrap`.
        self._owners: dict[Seam, weakref.WeakSet[Any]] = {}
        self._started = False

    def event(self, name: str) -> Event:
        """Return an event by its name."""
        found = self._events.get(name)
        if found is None:
            found = self._events[name] = Event(name, self.state)
        return found

    def swallow(self, error: BaseException) -> None:
        """Count an exception of a wrapper's own."""
        self.state.swallow(COMPONENT, error)

    def start(self) -> None:
        """Wrap what somebody subscribed to. Called once all observers have: what comes later is not heard."""
        self._started = True
        self.refresh()

    def refresh(self) -> None:
        """Wrap what has been imported since."""
        if not self._started or not self.patches.on:
            return
        for file in self._files:
            try:
                for seam in file.SEAMS:
                    self._wrap_once(seam)
                further: Callable[[Hosts], None] | None = getattr(file, "refresh", None)
                if further is not None:
                    further(self)
            except Exception as error:
                self.patches.enabled[file.__name__.rpartition(".")[2]] = False
                self.swallow(error)

    def _wrap_once(self, seam: Seam) -> None:
        if seam in self._wrapped or not self._is_heard(seam) or not seam.applies():
            return
        owner = seam.owner()
        if owner is not None:
            self._wrapped.add(seam)
            self.wrap(owner, seam)
        elif seam.is_missing():
            self.patches.enabled[seam.label] = False

    def _is_heard(self, seam: Seam) -> bool:
        return any(self.event(name) for name in (seam.event, *seam.also))

    def is_wrapped(self, owner: Any, seam: Seam) -> bool:
        """Whether the function of an owner has been wrapped."""
        return owner in self._owners.get(seam, ())

    def wrap(self, owner: Any, seam: Seam, *, asked: bool = False) -> None:
        """Wrap one function, once, if somebody subscribes to its event.

        Files call it for owners that are only known at run time: instances, subclasses, modules that took a function.

        Args:
            owner: the class, module or instance that has the function.
            seam: the row, which may have a wrapper of its own for this owner.
            asked: an observer wants this owner's wrapped, and needs no event.
        """
        if self.is_wrapped(owner, seam) or not (asked or self._is_heard(seam)):
            return
        self._owners.setdefault(seam, weakref.WeakSet()).add(owner)

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            return (seam.wrap or _observed(seam))(original, self)

        fitted = self.patches.enabled.get(seam.label, True)
        self.patches.install(owner, seam.name, make, seam.parameters, seam.label)
        self.patches.enabled[seam.label] &= fitted  # one label may stand for functions of several classes


class Subscriptions:
    """How one observer subscribes. What it gives is called with the facts of the event; see :class:`.events.Event`."""

    def __init__(self, hosts: Hosts, component: str, order: int) -> None:
        self._hosts, self._component, self._order = hosts, component, order

    def before(self, event: str, observe: Callable[..., object]) -> None:
        """Call ``observe(*facts)`` before the host's function."""
        self._hosts.event(event).add_before(self._order, self._component, observe)

    def after(self, event: str, observe: Callable[..., object]) -> None:
        """Call ``observe(*facts)`` after the host's function, unless that raised."""
        self._hosts.event(event).add_after(self._order, self._component, observe)

    def around(self, event: str, enter: Enter) -> None:
        """Call ``enter(*facts)`` before, and after it ``leave(result, error)``, if ``enter`` returned one."""
        self._hosts.event(event).add_around(self._order, self._component, enter)

    def runs(self, event: str, run: Callable[..., Any], *, guards_itself: bool = False) -> None:
        """Let ``run(call, *facts)`` call the host's function by ``call()``.

        Args:
            event: the event.
            run: calls it, once.
            guards_itself: it does so whatever fails in it, which saves two calls on the hot path.
        """
        self._hosts.event(event).add_runner(self._order, self._component, run, guards_itself)

    def changes(self, event: str, change: Callable[..., Any]) -> None:
        """Let ``change(value, *facts)`` say what the host is given in place of a value."""
        self._hosts.event(event).add_change(self._order, self._component, change)

    def swallow(self, error: BaseException) -> None:
        """Count an exception of ours, for a runner's own part."""
        self._hosts.state.swallow(self._component, error)


def _observed(seam: Seam) -> Callable[[Callable[..., Any], Hosts], Callable[..., Any]]:
    """Return what makes the usual wrapper: enter, the original, leave."""
    return lambda original, hosts: observed(original, hosts, hosts.event(seam.event), seam.facts)


def observed(
    original: Callable[..., Any], hosts: Hosts, event: Event, facts: Facts | None = None
) -> Callable[..., Any]:
    """Wrap a function so that the event's subscribers are called around it, and its runners call it."""
    patches, run, is_observed = hosts.patches, event.runner(), event.observed

    def facts_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...] | None:
        if not patches.on:
            return None
        if facts is None:
            return args
        try:
            return facts(*args, **kwargs)
        except Exception as error:
            hosts.swallow(error)
            return None

    def call(found: tuple[Any, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if run is None:
            return original(*args, **kwargs)
        return run(functools.partial(original, *args, **kwargs), *found)

    async def awaited(result: Awaitable[Any], leave: Leave) -> Any:
        try:
            value = await result
        except BaseException as error:
            leave(None, error)
            raise
        leave(value, None)
        return value

    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
            found = facts_of(args, kwargs)
            if found is None:
                return await original(*args, **kwargs)
            leave = event.enter(*found) if is_observed else None
            result = call(found, args, kwargs)
            return await result if leave is None else await awaited(result, leave)

        return async_wrapper

    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        found = facts_of(args, kwargs)
        if found is None:
            return original(*args, **kwargs)
        leave = event.enter(*found) if is_observed else None
        if leave is None:
            return call(found, args, kwargs)
        try:
            result = call(found, args, kwargs)
        except BaseException as error:
            leave(None, error)
            raise
        if type(result) is CoroutineType:
            # tornado's @authenticated hides that what it wraps is a coroutine function.
            return awaited(result, leave)
        leave(result, None)
        return result

    return wrapper


def changing(event: str, argument: str) -> Wrap:
    """Return what wraps a method so that subscribers of an event may change its first argument.

    Args:
        event: the event; its ``change`` is given the argument's value, and nothing else.
        argument: the name of the argument, as some pass it by name.
    """

    def wrap(original: Callable[..., Any], hosts: Hosts) -> Callable[..., Any]:
        patches, change = hosts.patches, hosts.event(event).change

        @functools.wraps(original)
        def wrapper(owner: Any, *args: Any, **kwargs: Any) -> Any:
            if patches.on:
                if args:
                    args = change(args[0]), *args[1:]
                elif argument in kwargs:
                    kwargs[argument] = change(kwargs[argument])
            return original(owner, *args, **kwargs)

        return wrapper

    return wrap
