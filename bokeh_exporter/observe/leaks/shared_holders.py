"""What all sessions share and that grows: registries of libraries, style sheets, watchers, the app's own containers.

A walk of the heap would find every holder and stop the app; what grows for ever mostly stands in a known place. These
are looked at every second or more seldom, in the thread that reads: ``len`` of plain containers, and none of the
user's code. Only what has grown since it was first seen is reported, so that constants take no label.
"""

from __future__ import annotations

import sys
import time
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any, ClassVar

from ...catalogue import BY_NAME
from ...state import Level
from ...state.safe_looks import attribute_of_class, class_namespace, is_a, namespace, type_module
from ..frame import Frame, Observer
from ..hosts.bokeh_server import SCRIPT_MODULES
from ..hosts.panel_components import shared_lists
from ..hosts.param import watcher_count
from ..rebuilds.source_lines import is_users_module

#: Seconds between two looks at the least, and the times that a look took: half a percent of one processor.
_PERIOD, _SPARING = 1.0, 200
#: Modules of the user's, names in each, and places that are remembered, at the most.
_MODULES, _NAMES, _PLACES = 200, 500, 5000
#: What is counted by ``len``, of exactly these types: any other's ``__len__`` is the user's.
_CONTAINERS = (list, dict, set, deque, OrderedDict, defaultdict)
_ROW = "bokeh_shared_entries"

#: Name and number of entries.
Container = tuple[str, int]


class SharedHolders(Observer):
    """Entries of what outlives the sessions."""

    name: ClassVar[str] = "shared_holders"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        #: Name -> entries when it was first seen.
        self._first: dict[str, int] = {}
        self._due = 0.0
        self._grown: list[Container] = []

    def collect(self) -> Iterable[Level]:
        """Report what has grown."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _PERIOD  # whoever else reads meanwhile has no need to look
            self._grown = list(self._look())
            self._due = now + max(_PERIOD, _SPARING * (time.monotonic() - now))
        for name, entries in self._grown:
            (label,), folded = self.state.limiter.admit(BY_NAME[_ROW], (name,))
            if folded:
                self.state.counter("bokeh_exporter_overflow_total", _ROW).inc()
            yield Level(_ROW, entries, (label,))

    def _look(self) -> Iterator[Container]:
        for name, entries in (*_libraries(), *_modules()):
            first = self._first.get(name)
            if first is None:
                if len(self._first) < _PLACES:
                    self._first[name] = entries
            elif entries > first:
                yield name, entries


def _libraries() -> Iterator[Container]:
    pylab = sys.modules.get("matplotlib._pylab_helpers")
    registry = namespace(pylab).get("Gcf") if type(pylab) is ModuleType else None
    figures = attribute_of_class(registry, "figs") if isinstance(registry, type) else None
    if isinstance(figures, dict):
        yield "matplotlib._pylab_helpers.Gcf.figs", len(figures)
    for name, entries in shared_lists():
        yield name, len(entries)


def _modules() -> Iterator[Container]:
    # By name: whatever else refers to a session's module makes Bokeh log that it has unexpected referrers.
    names = [name for name in list(sys.modules) if not name.startswith(SCRIPT_MODULES) and is_users_module(name)]
    for name in names[:_MODULES]:
        module = sys.modules.get(name)
        if type(module) is not ModuleType:
            continue
        for attribute, value in list(namespace(module).items())[:_NAMES]:
            if type(attribute) is not str or attribute.startswith("__"):
                continue
            yield from _entries(f"{name}.{attribute}", value)
            if is_a(value, type) and type_module(value) == name:
                for each, inner in list(class_namespace(value).items())[:_NAMES]:
                    if not each.startswith("__"):
                        yield from _entries(f"{name}.{attribute}.{each}", inner)


def _entries(name: str, value: Any) -> Iterator[Container]:
    if type(value) in _CONTAINERS:
        yield name, len(value)
        return
    watchers = watcher_count(value)
    if watchers is not None:
        yield f"watchers of {name}", watchers
