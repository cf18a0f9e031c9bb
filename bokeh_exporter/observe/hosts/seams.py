"""What we rely on in a host, as data: each function that is wrapped and each attribute that is read.

Every file of a host lists its own in ``SEAMS`` and ``ATTRIBUTES``. From these rows come the hooks, the table in
docs/hosts/seams.md, and the test that tries each row against every installed line of versions. A row that does
not match the running host costs what ``lost`` says, and shows as ``bokeh_exporter_hook_enabled{hook} 0``.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import re
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from types import ModuleType
from typing import Any

#: From a host function's own arguments to the facts of the event; None if it is none.
Facts = Callable[..., "tuple[Any, ...] | None"]
#: Given the original and the hosts (``observe.hosts.Hosts``), returns what stands in its place.
Wrap = Callable[[Callable[..., Any], Any], Callable[..., Any]]


@dataclass(frozen=True)
class Seam:
    """A function of a host that is wrapped, once.

    Attributes:
        target: ``module:Class.function`` or ``module:function``.
        event: what it is the seam of.
        parameters: the names that its parameters must begin with.
        lost: what cannot be said without it.
        facts: makes the event's facts of its arguments, if these are not them.
        wrap: makes the wrapper, where the usual one (facts, enter, original, leave) will not do.
        since: first version that has it; empty for all that are supported.
        until: last version that has it, as far as its numbers go: ``3.9`` means all of 3.9.
        hook: its name in ``bokeh_exporter_hook_enabled``, if ``Class.function`` would not be clear.
        also: further events that the same wrapper says.
    """

    target: str
    event: str
    parameters: tuple[str, ...]
    lost: str
    facts: Facts | None = None
    wrap: Wrap | None = None
    since: str = ""
    until: str = ""
    hook: str = ""
    also: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What ``hook_enabled`` calls it."""
        return self.hook or self.target.partition(":")[2]

    def applies(self) -> bool:
        """Whether the installed version of the host is known to have it."""
        return in_range(self.target, self.since, self.until)

    def owner(self) -> Any:
        """Return the class or module that has it; None if that is not imported, or has no such class."""
        module, _, path = self.target.partition(":")
        return find(module, path.rpartition(".")[0])

    def is_missing(self) -> bool:
        """Whether its module is imported, or was to be, and has no such class."""
        name = self.target.partition(":")[0]
        module = sys.modules.get(name)
        if module is None:
            return name.partition(".")[0] in LOADED and name not in _LAZY
        return not getattr(module.__spec__, "_initializing", False)  # else it is being imported right now

    @property
    def name(self) -> str:
        """The name of the function in its owner."""
        return self.target.partition(":")[2].rpartition(".")[2]


@dataclass(frozen=True)
class Attribute:
    """An attribute of a host that is read, or a name in one of its modules.

    Attributes:
        target: ``module:Class.attribute`` or ``module:name``.
        lost: what cannot be said without it.
        since: as in :class:`Seam`.
        until: as in :class:`Seam`.
    """

    target: str
    lost: str
    since: str = ""
    until: str = ""

    def applies(self) -> bool:
        """Whether the installed version of the host is known to have it."""
        return in_range(self.target, self.since, self.until)


#: Packages that every server has. Their modules are imported to be wrapped; those of others when the app does it.
LOADED = frozenset({"bokeh", "tornado"})
#: Modules of them that cost a server something that it may never need.
_LAZY = frozenset({"bokeh.server.asgi"})


def find(module: str, path: str) -> Any:
    """Return a module, or what a dotted path in it leads to; None if it is not imported or not there."""
    if module.partition(".")[0] in LOADED and module not in _LAZY:
        try:
            importlib.import_module(module)
        except ImportError:
            return None
    found: Any = sys.modules.get(module)
    for name in path.split(".") if path else ():
        found = getattr(found, name, None)
    return found


def family(cls: Any) -> Iterator[type]:
    """Yield a class and all that are derived from it."""
    yield cls
    for each in type.__subclasses__(cls):
        yield from family(each)


#: By class: what a look that went easy on other threads has found, as long as :func:`found_before` lasts.
_before: dict[type, list[weakref.ref[Any]]] = {}


def instances(cls: type) -> Iterator[Any]:
    """Find the existing instances of a class and its subclasses. A heap walk in C: for start-up only.

    Through the referrers of the class, so no list of all objects is made that another thread could see.
    """
    if cls in _before:
        yield from (thing for reference in _before[cls] if (thing := reference()) is not None)
        return
    for found in gc.get_referrers(cls):
        if type(found) is cls:
            yield found
    subclasses: list[type] = type.__subclasses__(cls)
    for subclass in subclasses:
        yield from instances(subclass)


@contextlib.contextmanager
def found_before(classes: Iterable[type], found: Iterable[weakref.ref[Any]]) -> Iterator[None]:
    """Let :func:`instances` answer from what was found, instead of walking the heap of a server with visitors.

    Args:
        classes: whose instances were looked for.
        found: all that there are, and of their subclasses.
    """
    things = [(reference, thing) for reference in found if (thing := reference()) is not None]
    for cls in classes:
        _before[cls] = [reference for reference, thing in things if issubclass(type(thing), cls)]
    del things
    try:
        yield
    finally:
        _before.clear()


def read_ahead(files: Iterable[ModuleType]) -> None:
    """Read what the rows of these files need of the disk, in a thread that nobody waits for: versions, and modules."""
    for file in files:
        for seam in file.SEAMS:
            if seam.applies():
                seam.owner()


def is_of(thing: object, module: str, name: str) -> bool:
    """Whether the type of a thing is derived from a class, if its module is imported; the thing is not asked."""
    base = getattr(sys.modules.get(module), name, None)
    return base is not None and issubclass(type(thing), base)


_DISTRIBUTIONS = {"bokeh_fastapi": "bokeh-fastapi", "bokeh_django": "bokeh-django"}


@functools.lru_cache(maxsize=64)
def version_of(package: str, imported: bool = False) -> tuple[int, ...]:
    """Return the numbers of an installed package's version, ``(4, 0, 0)`` of ``4.0.0.dev8``; empty without it.

    Read once: each time an app is registered all rows are looked at, and to read one takes a millisecond.

    Args:
        package: its name.
        imported: whether it is imported: what was not there may have been installed since.
    """
    try:
        text = metadata.version(_DISTRIBUTIONS.get(package, package))
    except metadata.PackageNotFoundError:
        return ()
    release = re.match(r"\d+(\.\d+)*", text)
    return numbers(release[0]) if release else ()


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a release."""
    return tuple(int(part) for part in version.split("."))


def in_range(target: str, since: str, until: str) -> bool:
    """Whether the installed version of a target's package is within two bounds; an unknown one is not excluded."""
    package = target.partition(":")[0].partition(".")[0]
    running = version_of(package, package in sys.modules) if since or until else ()
    if not running:
        return True
    if since and running < numbers(since):
        return False
    last = numbers(until) if until else ()
    return not last or running[: len(last)] <= last
