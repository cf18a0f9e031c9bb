"""The one helper that wraps a function of the host, guards ours, and takes it out again.

Each patch names its target, checks the signature first and restores the very ``__dict__`` entry it
replaced. If somebody wrapped our wrapper later, it stays below theirs and goes transparent. What
ours raises is counted and swallowed; the host's results and exceptions pass through untouched.

Rejected: ``wrapt``. It would make one dependency of two short functions, and its object proxies
change what ``Class.__dict__`` holds.
"""

from __future__ import annotations

import functools
import inspect
import sys
import weakref
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any

from ...state import State

_MISSING = object()

#: Called after the original with what it returned and raised.
Leave = Callable[[Any, "BaseException | None"], None]
#: Called before the original with its arguments; may return what is to be called after it.
Enter = Callable[..., "Leave | None"]


class Patches:
    """The patches of one exporter."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._undo: list[Callable[[], None]] = []
        #: Hook name -> whether it fits the running host.
        self.enabled: dict[str, bool] = {}
        #: False makes every wrapper of ours transparent.
        self.on = True

    def install(
        self,
        owner: Any,
        name: str,
        make: Callable[[Callable[..., Any]], Any],
        parameters: Sequence[str],
        optional: bool,
        hook: str | None,
    ) -> None:
        """Put ``make(original)`` in the place of ``owner.name``; see :class:`Hooks` for the rest."""
        hook = hook or f"{getattr(owner, '__name__', type(owner).__name__)}.{name}"
        original = getattr(owner, name, None)
        if original is None and optional:
            return
        # A static or class method would need to be wrapped below its descriptor, and none is.
        bound = isinstance(inspect.getattr_static(owner, name, None), (staticmethod, classmethod))
        if bound or not callable(original) or not _fits(original, parameters):
            self.enabled[hook] = False
            return
        entry = vars(owner).get(name, _MISSING)
        wrapper = make(original)
        setattr(owner, name, wrapper)
        self.enabled[hook] = True
        self._undo.append(_undo(owner, name, entry, wrapper))

    def remove(self) -> None:
        """Take every patch out, the last one first, and make what cannot be taken out transparent."""
        self.on = False
        while self._undo:
            self._undo.pop()()


class Hooks:
    """How one component hooks in. Each call wraps ``owner.name``.

    The arguments that all of them take:

    - ``owner``, ``name``: the class, module or instance, and its attribute;
    - ``parameters``: the names that the original's parameters must begin with;
    - ``optional``: other versions of the host are known not to have it, then nothing is missing;
    - ``hook``: the label of ``bokeh_exporter_hook_enabled``, if ``Owner.name`` would not be clear.
    """

    def __init__(self, patches: Patches, component: str) -> None:
        self._patches = patches
        self._component = component

    def before(
        self,
        owner: Any,
        name: str,
        observe: Callable[..., None],
        *parameters: str,
        optional: bool = False,
        hook: str | None = None,
    ) -> None:
        """Call ``observe`` with the arguments, then the original."""
        patches = self._patches

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            if inspect.iscoroutinefunction(original):

                @functools.wraps(original)
                async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
                    if patches.on:
                        self._guarded(observe, *args, **kwargs)
                    return await original(*args, **kwargs)

                return async_wrapper

            @functools.wraps(original)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                if patches.on:
                    self._guarded(observe, *args, **kwargs)
                return original(*args, **kwargs)

            return wrapper

        patches.install(owner, name, make, parameters, optional, hook)

    def after(
        self,
        owner: Any,
        name: str,
        observe: Callable[..., None],
        *parameters: str,
        optional: bool = False,
        hook: str | None = None,
    ) -> None:
        """Call the original, then ``observe`` with the arguments, unless the original raised."""

        def enter(*args: Any, **kwargs: Any) -> Leave:
            def leave(result: Any, error: BaseException | None) -> None:
                if error is None:
                    observe(*args, **kwargs)

            return leave

        self.around(owner, name, enter, *parameters, optional=optional, hook=hook)

    def around(
        self, owner: Any, name: str, enter: Enter, *parameters: str, optional: bool = False, hook: str | None = None
    ) -> None:
        """Call ``enter`` with the arguments, then the original, then what ``enter`` returned, if anything."""
        patches = self._patches

        def make(original: Callable[..., Any]) -> Callable[..., Any]:
            if inspect.iscoroutinefunction(original):

                @functools.wraps(original)
                async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
                    leave = self._guarded(enter, *args, **kwargs) if patches.on else None
                    if leave is None:
                        return await original(*args, **kwargs)
                    return await self._awaited(original(*args, **kwargs), leave)

                return async_wrapper

            @functools.wraps(original)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                leave = self._guarded(enter, *args, **kwargs) if patches.on else None
                if leave is None:
                    return original(*args, **kwargs)
                try:
                    result = original(*args, **kwargs)
                except BaseException as error:
                    self._guarded(leave, None, error)
                    raise
                if inspect.iscoroutine(result):
                    # tornado's @authenticated hides that what it wraps is a coroutine function.
                    return self._awaited(result, leave)
                self._guarded(leave, result, None)
                return result

            return wrapper

        patches.install(owner, name, make, parameters, optional, hook)

    def replace(
        self,
        owner: Any,
        name: str,
        make: Callable[[Callable[..., Any]], Any],
        *parameters: str,
        optional: bool = False,
        hook: str | None = None,
    ) -> None:
        """Put ``make(original)`` in the place of the original, for what the others cannot do.

        That is also what runs per message: a wrapper with the original's own parameters, which appends to
        the state's queue, takes a third of the time of one that fits all.
        """
        self._patches.install(owner, name, make, parameters, optional, hook)

    def swallow(self, error: BaseException) -> None:
        """Count an exception of ours, for wrappers made by hand."""
        self._patches.state.swallow(self._component, error)

    async def _awaited(self, coroutine: Awaitable[Any], leave: Leave) -> Any:
        try:
            result = await coroutine
        except BaseException as error:
            self._guarded(leave, None, error)
            raise
        self._guarded(leave, result, None)
        return result

    def _guarded(self, ours: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        state = self._patches.state
        start = perf_counter()
        try:
            return ours(*args, **kwargs)
        except Exception as error:
            state.swallow(self._component, error)
            return None
        finally:
            state.overhead[0] += perf_counter() - start


def _fits(original: Callable[..., Any], parameters: Sequence[str]) -> bool:
    if not parameters:
        return True
    try:
        names = list(inspect.signature(original).parameters)
    except (TypeError, ValueError):
        return False
    return names[: len(parameters)] == list(parameters)


def _undo(owner: Any, name: str, entry: Any, wrapper: Any) -> Callable[[], None]:
    # Classes and modules live as long as the process; an instance must not live on for our sake.
    keep = owner if isinstance(owner, type) or inspect.ismodule(owner) else None
    reference = weakref.ref(owner)

    def undo() -> None:
        target = keep if keep is not None else reference()
        if target is None or vars(target).get(name) is not wrapper:
            return  # gone, or somebody wrapped it later: ours is transparent by now
        if entry is _MISSING:
            delattr(target, name)
        else:
            setattr(target, name, entry)
        if inspect.ismodule(target):
            for each in list(sys.modules.values()):  # what was imported since took ours from there, by its name
                if getattr(each, "__dict__", {}).get(name) is wrapper:
                    setattr(each, name, entry)

    return undo
