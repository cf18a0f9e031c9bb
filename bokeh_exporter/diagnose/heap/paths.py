"""From a way of ids to words: each step is followed on the real objects first, then named.

``module acme.state, CACHE['figures'][3] -> figure(...) -> Document of /app, destroyed 14 min ago``. Keys, indexes and
attributes are written behind what they belong to; what has a name of its own begins after an arrow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...state.wording import bare_name, clean, code_file
from ..blame import keys
from ..blame.sources import file_of
from . import frames
from . import safe_reads as safely
from .objects import CONTAINERS, noun, place, plain
from .references import Edge, edge, variable
from .roots import Root
from .search import Way

_NOT_SEEN = "something that the garbage collector does not see, a C extension, atexit or a call that is running, holds "


@dataclass(frozen=True)
class Step:
    """One object on the way, and how the one before it refers to it."""

    type: str
    name: str
    module: str | None
    file: str | None
    line: int | None


@dataclass(frozen=True)
class Chain:
    """A way in words. ``root`` is what all that hang on the same holder have in common."""

    root: str
    path: tuple[Step, ...]
    text: str
    #: The ``id`` of the container that the root names: what would have to be emptied.
    holder: int = 0

    def shape(self) -> tuple[str, ...]:
        """Return what chains have in common that differ in keys, indexes and threads only."""
        return (
            re.sub(r" thread '[^']*'", " a thread", self.root),
            *(re.sub(r"\[[^]]*\]", "", step.name) for step in self.path),
        )


def follow(way: Way, root: Root, target: Any) -> list[Any]:
    """Go the way on real objects and return them. They are held: drop them soon.

    Raises:
        LookupError: a reference of it has gone meanwhile.
    """
    first = target if len(way.ids) == 1 and root.kind == "unseen" else root.get()
    if id(first) != way.ids[0]:
        raise LookupError("the root has gone")
    objects = [*root.before, first]
    for key in way.ids[1:]:
        objects.append(safely.child(objects[-1], key))
    if objects[-1] is not target:
        raise LookupError("another object has taken its place")
    return objects


def describe(objects: Sequence[Any], root: Root, end: str) -> Chain:
    """Put a chain of real objects into words; ``end`` says what the last one is."""
    with keys.owned_by(_owners(objects, root)):
        return _described(objects, root, end)


def _owners(objects: Sequence[Any], root: Root) -> Iterator[str | None]:
    """Yield the files of the code on the way: their literals are no secrets."""
    if root.kind == "module":
        yield file_of(root.name)
    if root.local is not None:
        yield root.local.code.co_filename
    for thing in objects[:-1]:
        if safely.is_a(thing, *CONTAINERS):
            continue
        where = place(thing)
        yield where.file or (file_of(where.module) if where.module and where.module != "builtins" else None)


def _described(objects: Sequence[Any], root: Root, end: str) -> Chain:
    current, steps = _begin(objects, root)
    begun = [current]
    holder = objects[0]
    by_name = root.kind in ("module", "host")
    at = 0
    while at < len(objects) - 1:
        found = edge(objects, at)
        if at == 0 and root.kind == "module" and type(objects[0]) is dict:
            found = Edge(f", {variable(objects[0], objects[1]) or found.how[1:-1]}", found.takes)
        named = root.kind == "host" and root.level  # what C code holds itself says who it is
        if len(begun) == 1 and safely.is_a(objects[at], *CONTAINERS):
            holder = objects[at]
        if (at == 0 and not named) or (at and _goes_on(objects[at], found, by_name)):
            current += found.how
        else:
            begun.append(current := _named(objects[at], found))
        begun[-1] = current
        by_name = found.how.startswith((".", ","))
        at += found.takes
        steps.append(_step(objects[at], found.how.strip(" ,.")))
    words = [_tidy(part) for part in begun]
    words[0] += root.of
    return Chain(_common(words[0]), tuple(steps), " -> ".join([*words, end]), id(holder))


def _goes_on(holder: Any, found: Edge, by_name: bool) -> bool:
    """Whether a step is written behind what led to its holder, and not behind a name of the holder's own."""
    if safely.is_a(holder, *CONTAINERS):
        return not _special(holder)
    return by_name and found.how.startswith(".") and (safely.is_a(holder, type) or not _special(holder))


def _special(holder: Any) -> bool:
    """Whether a container or instance has a name that says more than what it is in."""
    return noun(holder) != plain(holder)


def _named(holder: Any, found: Edge) -> str:
    words = noun(holder)
    # How Bokeh's own attributes of a model are called says nothing to its user.
    hidden = words.endswith("(...)") and found.how.startswith("._")
    if safely.is_a(holder, *CONTAINERS) and not _special(holder):
        words = f"a {words}"
    return words if hidden else words + found.how


def _begin(objects: Sequence[Any], root: Root) -> tuple[str, list[Step]]:
    first = objects[0]
    if root.kind == "unseen":
        if type(first) is dict and any(
            type(key) is str and key.startswith("thread.local.") for key in dict.keys(first)
        ):
            return "thread-local storage of a thread, ", [_step(first, "thread-local storage")]
        words = "it" if len(objects) == 1 else noun(first)
        return _NOT_SEEN + words, [_step(first, "held by something that the garbage collector does not see")]
    if root.kind == "module":
        name = clean(_module(root.name))
        return f"module {name}", [Step("module", name, clean(root.name), None, None)]
    if root.kind == "task":
        return f"{root.name},", [_step(first, root.name)]
    if root.local is not None:
        code, thread = root.local.code, safely.label(frames.thread_name(root.local.thread))
        file = code_file(code).replace(chr(92), "/").rpartition("/")[2]
        words = f"function {bare_name(code)} ({file}:{root.local.line}) that runs in thread {thread}, "
        words += f"local variable {root.local.name}"
        return words, [Step("frame", bare_name(code), None, code_file(code), root.local.line),
                       _step(first, f"local variable {root.local.name}")]  # fmt: skip
    return root.name, [_step(first, root.name)]


def _module(name: str) -> str:
    return "of an app's session" if name.startswith("bokeh_app_") else name


def _step(thing: Any, name: str) -> Step:
    where = place(thing)
    return Step(safely.type_name(type(thing)), name, where.module, where.file, where.line)


def _tidy(words: str) -> str:
    for prefix in ("module panel.io.state, state", "module panel.io.state, _state"):
        if words.startswith(prefix):
            return "panel.state" + words.removeprefix(prefix)
    if words.startswith("module weakref, finalize._registry["):
        return "the registry of weakref.finalize"
    return words


def _common(words: str) -> str:
    """Leave out the last key, which is another for each that the same container holds."""
    bare, of, rest = words.partition("] of /")
    return _LAST_KEY.sub("", bare + of[:1]) + of[1:] + rest


_LAST_KEY = re.compile(r"\s?\[[^][]*\]$")
