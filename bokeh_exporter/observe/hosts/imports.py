"""Hooks in where an app imports Panel, HoloViews or a plotting backend only while its first document is built.

A finder on ``sys.meta_path`` looks at the names of modules that are imported for the first time, and has the
observers refreshed when one of a few has been executed. It finds nothing itself: the loader is Python's own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, ClassVar

from ... import config as options
from ..frame import Observer

#: What observers hook into; the last part of a library that has what they need.
NAMES = frozenset({"param", "panel", "holoviews", "holoviews.plotting.bokeh", "holoviews.plotting.mpl", "hvplot"})


class _Finder:
    """Sees modules found, and tells when they have been executed."""

    def __init__(self, executed: Callable[[], None]) -> None:
        self._executed = executed
        self._finding: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find nothing unless the module is one of ours, then what Python finds, with a loader that tells."""
        if name not in NAMES or name in self._finding:
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


class LateImports(Observer):
    """Refreshes the observers when a library has been imported."""

    name: ClassVar[str] = "late_imports"
    level: ClassVar[options.Level] = "element"

    def start(self) -> None:
        """Put the finder first."""
        self._finder = _Finder(self._imported)
        sys.meta_path.insert(0, self._finder)

    def stop(self) -> None:
        """Take it off."""
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)

    def _imported(self) -> None:
        try:
            if self.patches.on:
                self.frame.refresh()
        except Exception as error:
            self.hook.swallow(error)
