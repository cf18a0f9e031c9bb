"""Where containers stand that outlive the sessions: globals of modules, attributes of classes and of global objects.

Found by name, not by a search: a path that a person can look up in the code, the same at each picture. Only what is
stored is read, and only types whose length C code says.
"""

from __future__ import annotations

import functools
import sys
import time
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from ..blame.sources import file_of
from ..heap import safe_reads as safely
from ..heap.capture import is_of_app

#: Containers that are looked at, and names of one module, class or object, at the most.
PLACES, _NAMES = 10_000, 2_000
#: Where Panel keeps what each function that ``pn.cache`` decorates has returned, by the function's digest.
MEMOIZED = "_memoize_cache"
#: Modules after which other threads get their turn.
_STEP, _REST = 20, 0.0005
LRU: Any = type(functools.lru_cache(lambda: None))
_SIZED = (dict, list, set, deque, OrderedDict, defaultdict)
_PLAIN = (int, float, str, bytes, bool, type(None), tuple, ModuleType)

#: The objects from a module's namespace to a container.
Objects = tuple[Any, ...]


def entries(container: Any) -> int:
    """Return how many entries a container has; 0 of anything else."""
    kind = type(container)
    if kind is LRU:
        return int(LRU.cache_info(container).currsize)
    return len(container) if kind in _SIZED else 0


def places() -> Iterator[tuple[str, str, Objects]]:
    """Yield each container once: its module, its path, and the objects, to be dropped at once; the app's first."""
    names = [name for name in list(sys.modules) if not name.startswith("bokeh_app_")]
    names.sort(key=lambda name: not is_of_app(file_of(name) or "<frozen"))
    seen: set[int] = set()
    for number, name in enumerate(names):
        if number % _STEP == 0:
            time.sleep(_REST)
        for path, objects in of_module(name):
            if id(objects[-1]) not in seen and len(seen) < PLACES:
                seen.add(id(objects[-1]))
                yield name, path, objects


def of_module(name: str) -> Iterator[tuple[str, Objects]]:
    """Yield the containers of a module, with their paths."""
    module = sys.modules.get(name)
    if type(module) is not ModuleType:
        return
    namespace = safely.namespace(module)
    del module  # one that we referred to would be Bokeh's "extra referrer"
    for attribute in list(namespace)[:_NAMES]:
        value: Any = namespace.get(attribute)
        if type(attribute) is not str or attribute.startswith("__") or type(value) in _PLAIN:
            continue
        path = f"{name}.{attribute}"
        if _is_container(value):
            yield path, (namespace, value)
        elif safely.is_a(value, type):
            if safely.type_module(value) == name:
                for key, inner in list(safely.class_namespace(value).items())[:_NAMES]:
                    if not key.startswith("__") and _is_container(inner):
                        yield f"{path}.{key}", (namespace, value, inner)
        else:
            yield from _of_instance(path, (namespace, value))


def _of_instance(path: str, objects: Objects) -> Iterator[tuple[str, Objects]]:
    stored = safely.attributes(objects[-1])
    for key, inner in list((stored or {}).items())[:_NAMES]:
        if _is_container(inner):
            yield f"{path}.{key}", (*objects, inner)
            if key == MEMOIZED:
                yield from _of_functions(f"{path}.{key}", (*objects, inner))
        elif key == "_param__private":  # where param keeps the values of parameters, pn.state.cache among them
            values = next((value for name, value in safely.slots(inner) if name == "values"), None)
            for name, value in list(values.items())[:_NAMES] if type(values) is dict else ():
                if _is_container(value):
                    yield f"{path}.{name}", (*objects, inner, values, value)
                    if name == MEMOIZED:
                        yield from _of_functions(f"{path}.{name}", (*objects, inner, values, value))


def _of_functions(path: str, objects: Objects) -> Iterator[tuple[str, Objects]]:
    for digest, results in list(objects[-1].items())[:_NAMES] if type(objects[-1]) is dict else ():
        if type(digest) is str and type(results) is dict:
            yield f"{path}[{digest}]", (*objects, results)


def _is_container(value: object) -> bool:
    return type(value) in _SIZED or type(value) is LRU
