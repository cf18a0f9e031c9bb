"""Where a search begins: what lives by itself. Namespaces of modules, what the composition hands in, running functions.

A root is a number to the search and a way back to the real object for what comes after: nothing is held.
"""

from __future__ import annotations

import asyncio
import functools
import signal
import sys
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal, NamedTuple

from ..blame.sources import file_of, read
from . import frames
from . import safe_reads as safely
from .atomic_reads import unseen
from .objects import noun, runs


@dataclass(frozen=True)
class Root:
    """Something that lives by itself.

    Attributes:
        kind: what it is.
        name: a module's name, or words for a person.
        get: returns the object where the search began.
        level: after how many steps it began there.
        local: the running function, where it is one.
        of: what is written behind it.
    """

    kind: Literal["module", "host", "frame", "task", "unseen"]
    name: str
    get: Callable[[], Any] = field(compare=False)
    level: int = 0
    local: frames.Local | None = None
    of: str = ""
    #: What leads to the object where the search began, where the search did not know it.
    before: tuple[Any, ...] = ()


#: Steps after which a search begins in the modules of sessions: what an app's script imported is a real module's, and
#: an open session's script is no holder while something else is.
_SESSIONS = 64
#: Tasks that are looked at.
_TASKS = 2_000


class Host(NamedTuple):
    """What the composition hands in: words for a person, before and behind what is asked of it, and the object."""

    words: str
    of: str
    reference: weakref.ref[Any]


def roots(hosts: Iterable[Host] = ()) -> dict[int, Root]:
    """Return the roots by the ``id`` of the object where the search begins."""
    found: dict[int, Root] = {}
    for name in list(sys.modules):
        start = _module(name)
        if start is not None:
            level = _SESSIONS if name.startswith("bokeh_app_") else 0
            found.setdefault(id(start), Root("module", name, functools.partial(_module, name), level))
        del start
    for host in hosts:
        thing = host.reference()
        if thing is not None:
            found.setdefault(id(thing), Root("host", host.words, host.reference, of=host.of))
            found.update(_tasks(thing))
        del thing
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        if type(handler) not in (signal.Handlers, int, type(None)):
            words = f"the handler of {number.name if isinstance(number, signal.Signals) else number}"
            found.setdefault(id(handler), Root("host", words, functools.partial(signal.getsignal, number), 1))
        del handler
    for where, frame, values in frames.running():
        if not frame.f_code.co_flags & 0x1:
            continue  # code of a module or class: its variables are a namespace, which has its own root
        for name, key in values:
            if key not in found:
                wanted = frames.Local(where.thread, where.code, where.line, name)
                found[key] = Root("frame", "", functools.partial(frames.find, wanted, key), 1, wanted)
    return found


def module_root(name: str) -> Root:
    """Return the root of a module."""
    return Root("module", name, functools.partial(_module, name))


def _tasks(loop: Any) -> dict[int, Root]:
    """Return what the tasks of an event loop run: a task that waits for ever has its function's variables."""
    found: dict[int, Root] = {}
    if not safely.is_a(loop, asyncio.AbstractEventLoop):
        return found
    for task in list(asyncio.all_tasks(loop))[:_TASKS]:
        if safely.type_module(type(task)) not in ("_asyncio", "asyncio.tasks"):
            continue
        coroutine = runs(task.get_coro())
        if coroutine is not None:
            found[id(coroutine)] = Root("task", noun(task), weakref.ref(coroutine), 1)
    return found


def at_home(objects: list[Any], root: Root) -> tuple[list[Any], Root]:
    """Begin a chain in the module that something is from, where it was found in one that imports it."""
    if root.kind != "module" or len(objects) < 2 or type(objects[0]) is not dict:
        return objects, root
    thing = objects[1]
    names = [name for name, value in dict.items(objects[0]) if value is thing and type(name) is str]
    if not any(name in read(file_of(root.name)).lines for name in names):
        assigns = _assigning(names, thing)
        if assigns is not None:
            return [_module(assigns), *objects[1:]], module_root(assigns)
    home = safely.type_module(thing if safely.is_a(thing, type) else type(thing))
    there = _module(home) if home is not None and home != root.name else None
    if type(there) is not dict or id(thing) not in unseen(set, map(id, there.values())):
        return objects, root
    return [there, *objects[1:]], module_root(str(home))


def _assigning(names: list[str], thing: Any) -> str | None:
    """Return the module whose code assigns one of these names to what has just been found imported."""
    for module in list(sys.modules):
        there = _module(module) if not module.startswith("bokeh_app_") else None
        if type(there) is not dict:
            continue
        for name in names:
            if there.get(name) is thing and name in read(file_of(module)).lines:
                return module
    return None


def _module(name: str) -> Any:
    # The namespace and not the module: a module that we referred to would be Bokeh's "extra referrer".
    module: Any = sys.modules.get(name)
    return safely.namespace(module) if issubclass(type(module), ModuleType) else module
