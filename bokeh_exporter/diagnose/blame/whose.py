"""Whose code a path leads through, and what to do about it: the sentence that ends each answer of ``explain``.

From the path in words and from source files, never from objects. The diff shows no line of the user's but an empty
container or a decorator without arguments of its own, which the remedy replaces.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import dropwhile, takewhile
from typing import Literal

from ..heap.capture import is_of_app
from ..heap.paths import Chain, Step
from . import known_leaks
from .known_leaks import versions
from .sources import file_of, read

Whose = Literal["app", "library", "host", "known"]
_HOST = {"bokeh", "panel", "tornado", "param", "holoviews", "pyviz_comms", "asyncio", "bokeh_fastapi"}


@dataclass(frozen=True)
class Judged:
    """Whose code holds it, a sentence, what to do, and that as a diff where the line is known."""

    whose: Whose
    text: str
    remedy: str
    diff: str | None = None


def judge(chain: Chain, count: int, kind: str) -> Judged:
    """Judge a path.

    Args:
        chain: the path.
        count: how many are held by the same.
        kind: ``document``, ``session``, ``model``, ``live_session`` or ``container``.
    """
    leak = known_leaks.of_path(chain.text, versions())
    if leak is not None:
        upgrade = "upgrade" if leak.fixed else "keep the object in the session, or remove the reference"
        return Judged("known", leak.text(versions()[leak.package]), f"{upgrade}: {leak.what}")
    filled = next((name for start, name in _FILLED if chain.text.startswith(start)), None)
    filling = Judged("app", f"your code: it puts entries into {filled}", _remedy(chain, kind))
    if kind == "container" and filled is not None:
        return filling
    place, name, file, line = _app_code(chain)
    if place:
        # What is weak or limited by a diff must hold what dies by itself: of a container that grew nobody knows.
        diff = None if kind == "container" else _diff(chain, place, name, file, line)
        return Judged("app", f"your code: {place}", _remedy(chain, kind), diff)
    if filled is not None:
        return filling
    package = _package(chain)
    if kind == "live_session":
        return Judged(
            "host", "the host's own: the session is open", "close the page, or find out why the session does not expire"
        )
    if package in _HOST and count == 1 and kind != "container":
        return Judged("host", "the host's own: one per process, not a leak", "nothing")
    if package is None:
        return Judged("library", "a library: C code that cannot be identified", _remedy(chain))
    return Judged(
        "library", f"a library: {package}", f"report it to {package} with this path, or clear it in your code"
    )


def _app_code(chain: Chain) -> tuple[str, str, str | None, int | None]:
    """Return the first place of the app's own code on the path: in words, the variable, the file, the line."""
    for number, step in enumerate(chain.path[:-1]):
        file, line = step.file, step.line
        if file is None and step.module is not None:
            file = file_of(step.module)
            if step.type == "module" and file is None and _is_made_by_an_app(step.module):
                shown = "the script of an app" if step.module.startswith("bokeh_app_") else f"module {step.module}"
                return shown, "", None, None
        if file is None or not is_of_app(file):
            continue
        name = chain.path[number + 1].name if step.type == "module" else ""
        if line is None:
            name = name.partition("[")[0].strip(" ,.'")
            line = read(file).lines.get(name) or read(file).lines.get(step.type)
        shown = _short(step, file)
        return (f"{shown}:{line}" if line else shown), name, file, line
    return "", "", None, None


def _is_made_by_an_app(module: str) -> bool:
    # A module without a file: built in, one that somebody made, or gone.
    return module in sys.modules and module.partition(".")[0] not in _HOST.union(sys.stdlib_module_names)


def _short(step: Step, file: str) -> str:
    name = file.replace("\\", "/").rpartition("/")[2]
    parts = (step.module or "").split(".")
    if step.type == "module" and len(parts) > 1 and not step.file:
        return "/".join([*parts[:-1], name]) if name != "__init__.py" else "/".join([*parts, name])
    return name


def _package(chain: Chain) -> str | None:
    for step in chain.path[:-1]:
        if step.module and step.module != "builtins":
            return step.module.partition(".")[0].lstrip("_")
    return "asyncio" if chain.root.startswith("event loop") else None


def _remedy(chain: Chain, kind: str = "") -> str:
    text = chain.text
    for word, remedy in _REMEDIES:
        if word in text:
            return remedy
    if kind == "container":
        return (
            "remove what is no longer needed, or give it a limit: collections.deque(maxlen=...), "
            "functools.lru_cache(maxsize=...)"
        )
    within = dropwhile(lambda step: step.type not in _REMOVE, chain.path)
    containers = list(takewhile(lambda step: step.type in _REMOVE, within))
    name = "".join(step.name for step in containers)
    if not containers or "<" in name or not containers[0].name.isidentifier():
        name = "REGISTRY"
    call = _REMOVE[containers[-1].type if containers else "dict"]
    return (
        "remove the entry when the session ends: "
        f"curdoc().on_session_destroyed(lambda context: {name}.{call}); or hold it weakly (weakref)"
    )


#: What removes one entry of a container.
_REMOVE = {
    "dict": "pop(key, None)", "OrderedDict": "pop(key, None)", "defaultdict": "pop(key, None)",
    "list": "remove(entry)", "deque": "remove(entry)", "set": "discard(entry)",
}  # fmt: skip


#: What a library keeps for the app, by how its path begins.
_FILLED = (
    ("panel.state._param__private.values['cache']", "pn.state.cache"),
    ("panel.state._param__private.values['_memoize_cache']", "pn.cache"),
    ("pn.cache of", "pn.cache"),
)
_REMEDIES = (
    ("destroy() of", "catch what destroy() raises: Bokeh never removes a session whose destroy() fails"),
    ("lru_cache", "give the cache a maxsize, and use no key that belongs to a session (no Document, no self)"),
    ("panel.state._param__private.values['cache']", "use no session in keys of pn.state.cache, and keep data in it, "
     "not views; remove what is no longer needed"),
    ("panel.state._param__private.values['_memoize_cache']", "give pn.cache max_items or ttl, and no argument that "
     "belongs to a session"),
    ("pn.cache of", "give pn.cache max_items or ttl, and no argument that belongs to a session"),
    ("watcher of parameter", "unwatch when the session ends: watcher = obj.param.watch(f, 'name'); "
     "pn.state.on_session_destroyed(lambda context: obj.param.unwatch(watcher))"),
    ("task of", "cancel the task when its session ends: "
     "curdoc().on_session_destroyed(lambda context: task.cancel())"),
    ("PeriodicCallback", "stop it when the session ends: curdoc().on_session_destroyed(lambda context: "
     "periodic.stop()); or use curdoc().add_periodic_callback, which ends with the session"),
    ("that runs in thread", "end the thread when its session ends: set an event in on_session_destroyed"),
    ("event loop", "cancel the timer or task when the session ends: on_session_destroyed"),
    ("logger", "remove the handler when the session ends: logger.removeHandler(handler) in on_session_destroyed"),
)  # fmt: skip


def _diff(chain: Chain, place: str, name: str, file: str | None, line: int | None) -> str | None:
    found = read(file).replaceable.get(name) or read(file).decorators.get(line or 0)
    if found is None:
        return None
    at, old, new = found
    shown = place.rpartition(":")[0]
    return f"--- {shown}\n+++ {shown}\n@@ -{at} +{at} @@\n-{old}\n+{new}\n"
