"""Sees where a program imports uvicorn after its apps are made, or an app Panel or HoloViews during its first build.

A finder on ``sys.meta_path`` looks at the names of modules that are imported for the first time, and reports when one
of a few has been executed. It finds nothing itself: the loader is Python's own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

#: What serves an app, and may be imported when all apps are made.
SERVERS = frozenset({"uvicorn.server"})
#: What has functions that we wrap; the last part of a library that has what we need.
LIBRARIES = frozenset({"param", "panel", "holoviews", "holoviews.plotting.bokeh", "holoviews.plotting.mpl", "hvplot"})


class Finder:
    """Sees modules found, and reports when they have been executed."""

    def __init__(self, executed: Callable[[], None], names: frozenset[str]) -> None:
        self._executed, self._names = executed, names
        self._finding: set[str] = set()

    def start(self) -> None:
        """Stand first among the finders."""
        sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """Leave them."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find nothing unless the module is one of ours, then what Python finds, with a loader that reports it."""
        if name not in self._names or name in self._finding:
            return None
        self._finding.add(name)
        try:
            spec = find_spec(name)
        except (ImportError, ValueError):
            return None
        finally:
            self._finding.discard(name)
        loader: Any = spec.loader if spec is not None else None
        execute = getattr(loader, "exec_module", None)
        if execute is None or not hasattr(loader, "__dict__"):
            return spec

        def exec_module(module: ModuleType) -> None:
            loader.__dict__.pop("exec_module", None)
            execute(module)
            self._executed()

        loader.__dict__["exec_module"] = exec_module
        return spec
