"""The one helper that puts a wrapper in the place of a host's function, and takes it out again.

Each patch names its target, checks the signature first and restores the very ``__dict__`` entry it
replaced. If somebody wrapped our wrapper later, it stays below theirs and goes transparent.

Rejected: ``wrapt``. It would make one dependency of two short functions, and its object proxies
change what ``Class.__dict__`` holds.
"""

from __future__ import annotations

import functools
import inspect
import sys
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType
from typing import Any

from ...state import State

_MISSING = object()
#: Where the frames of ours are that stand between a host's function and the user's line.
_OURS = str(Path(__file__).resolve().parents[1])


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
        self, owner: Any, name: str, make: Callable[[Callable[..., Any]], Any], parameters: Sequence[str], hook: str
    ) -> None:
        """Put ``make(original)`` in the place of ``owner.name``, if that fits.

        Args:
            owner: the class, module or instance.
            name: its attribute.
            make: given the original, returns what stands in its place.
            parameters: the names that the original's parameters must begin with.
            hook: the label of ``bokeh_exporter_hook_enabled``.
        """
        original = getattr(owner, name, None)
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
            try:
                self._undo[-1]()
            except Exception as error:  # an owner that refuses keeps a transparent wrapper; the others are next
                self.state.swallow("hosts", error)
            self._undo.pop()  # only now: an interrupt may come before


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


def stand_for(maker: Any, name: str, owner: Any, function: str, hosts: Any) -> None:
    """Let the function of a name that ``maker`` makes count as the one that a function of the host's makes.

    A warning names the file and the line of the frame in which something was dropped, such as a coroutine that nobody
    awaits. Done once with the code, so that no call of it is slower. The last line of each is that of the call.
    """
    try:
        theirs, ours = _nested(inspect.unwrap(getattr(owner, function)).__code__, name), _nested(maker.__code__, name)
        if theirs is None or ours is None:
            return
        first = max(1, ours.co_firstlineno + _last_line(theirs) - _last_line(ours))
        moved = ours.replace(co_filename=theirs.co_filename, co_firstlineno=first)
        constants = tuple([moved if each is ours else each for each in maker.__code__.co_consts])
        maker.__code__ = maker.__code__.replace(co_consts=constants)
    except Exception as error:
        hosts.swallow(error)


def _nested(code: CodeType, name: str) -> CodeType | None:
    return next((each for each in code.co_consts if type(each) is CodeType and each.co_name == name), None)


def _last_line(code: CodeType) -> int:
    return max(line for _, _, line in code.co_lines() if line is not None)


def stack_level(*packages: str) -> Callable[[Callable[..., Any], Any], Callable[..., Any]]:
    """Return what wraps a library's search for the line that a warning of its names: our frames count as the library's.

    Else the warning names a line of ours, and the user's own is neither named nor asked for by a filter of warnings.

    Args:
        packages: whose frames the library itself passes over, the first being its own.
    """

    def wrap(original: Callable[..., Any], hosts: Any) -> Callable[..., Any]:
        @functools.wraps(original)
        def find_stack_level() -> Any:
            try:
                files = [getattr(sys.modules.get(name), "__file__", None) for name in packages]
                passed = (_OURS, *(str(Path(file).parent) for file in files if file))
                tests = str(Path(passed[1], "tests"))
                frame, level = sys._getframe(1), 1  # as if the library's own function were here
                while frame is not None and (name := frame.f_code.co_filename).startswith(passed):
                    if name.startswith(tests):
                        break
                    frame, level = frame.f_back, level + 1  # type: ignore[assignment]
                return level
            except Exception as error:
                hosts.swallow(error)
                return original()

        return find_stack_level

    return wrap
