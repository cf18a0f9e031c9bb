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
import weakref
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from ..state import State

_MISSING = object()

#: Called after the original with what it returned and raised.
Leave = Callable[[Any, "BaseException | None"], None]
#: Called before the original with its arguments; may return what is to be called after it.
Enter = Callable[..., "Leave | None"]


class Patches:
    """The patches of one exporter."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._undo: list[Callable[[], None]] = []
        #: Hook name -> whether it fits the running host.
        self.enabled: dict[str, bool] = {}
        #: False makes every wrapper of ours transparent.
        self.on = True

    def after(self, owner: Any, name: str, observe: Callable[..., None], **options: Any) -> bool:
        """Call ``observe`` with the arguments once the original has returned. See :meth:`_install`."""

        def enter(*args: Any, **kwargs: Any) -> Leave:
            def leave(result: Any, error: BaseException | None) -> None:
                if error is None:
                    observe(*args, **kwargs)

            return leave

        return self.around(owner, name, enter, **options)

    def before(self, owner: Any, name: str, observe: Callable[..., None], **options: Any) -> bool:
        """Call ``observe`` with the arguments, then the original. See :meth:`_install`."""

        def make(original: Callable[..., Any], component: str) -> Callable[..., Any]:
            state, overhead = self._state, self._state.overhead

            @functools.wraps(original)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                if self.on:
                    start = perf_counter()
                    try:
                        observe(*args, **kwargs)
                    except Exception as ours:
                        state.swallow(component, ours)
                    overhead[0] += perf_counter() - start
                return original(*args, **kwargs)

            return wrapper

        return self._install(owner, name, make, **options)

    def around(self, owner: Any, name: str, enter: Enter, **options: Any) -> bool:
        """Call ``enter`` with the arguments, then the original, then what ``enter`` returned. See :meth:`_install`."""

        def make(original: Callable[..., Any], component: str) -> Callable[..., Any]:
            state, overhead = self._state, self._state.overhead

            def entered(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Leave | None:
                start = perf_counter()
                try:
                    return enter(*args, **kwargs)
                except Exception as ours:
                    state.swallow(component, ours)
                    return None
                finally:
                    overhead[0] += perf_counter() - start

            def left(leave: Leave, result: Any, error: BaseException | None) -> None:
                start = perf_counter()
                try:
                    leave(result, error)
                except Exception as ours:
                    state.swallow(component, ours)
                overhead[0] += perf_counter() - start

            if inspect.iscoroutinefunction(original):

                @functools.wraps(original)
                async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
                    leave = entered(args, kwargs) if self.on else None
                    if leave is None:
                        return await original(*args, **kwargs)
                    try:
                        result = await original(*args, **kwargs)
                    except BaseException as error:
                        left(leave, None, error)
                        raise
                    left(leave, result, None)
                    return result

                return async_wrapper

            @functools.wraps(original)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                leave = entered(args, kwargs) if self.on else None
                if leave is None:
                    return original(*args, **kwargs)
                try:
                    result = original(*args, **kwargs)
                except BaseException as error:
                    left(leave, None, error)
                    raise
                left(leave, result, None)
                return result

            return wrapper

        return self._install(owner, name, make, **options)

    def replace(self, owner: Any, name: str, make: Callable[[Any, str], Any], **options: Any) -> bool:
        """Put ``make(original, component)`` in the place of the original, for what the others cannot do."""
        return self._install(owner, name, make, **options)

    def _install(
        self,
        owner: Any,
        name: str,
        make: Callable[[Callable[..., Any], str], Any],
        *,
        component: str,
        parameters: Sequence[str] | None = None,
        optional: bool = False,
        hook: str | None = None,
    ) -> bool:
        """Wrap ``owner.name``.

        Args:
            owner: the class, module or instance that has the attribute.
            name: the attribute.
            make: builds the wrapper from the original and the component.
            component: who is named in ``bokeh_exporter_errors_total`` when ours fails.
            parameters: the names its parameters must begin with.
            optional: other versions of the host are known not to have it; then nothing is missing.
            hook: the label of ``bokeh_exporter_hook_enabled``; default ``Owner.name``.

        Returns:
            Whether it fitted.
        """
        owner_name = getattr(owner, "__name__", type(owner).__name__)
        hook = hook or f"{owner_name.removeprefix('bokeh.').removeprefix('server.')}.{name}"
        original = getattr(owner, name, None)
        if original is None and optional:
            return False
        if not callable(original) or not _fits(original, parameters):
            self.enabled[hook] = False
            return False
        entry = vars(owner).get(name, _MISSING)
        wrapper = make(original, component)
        setattr(owner, name, wrapper)
        self.enabled[hook] = True
        self._undo.append(_undo(owner, name, entry, wrapper))
        return True

    def remove(self) -> None:
        """Take every patch out, the last one first, and make what cannot be taken out transparent."""
        self.on = False
        while self._undo:
            self._undo.pop()()


def _fits(original: Callable[..., Any], parameters: Sequence[str] | None) -> bool:
    if parameters is None:
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

    return undo
