"""Sees where a program imports uvicorn after its apps are made, or an app Panel or HoloViews during its first build.

A finder on ``sys.meta_path`` looks at the names of modules that are imported for the first time, and reports when one
of a few has been executed. It finds nothing itself: the loader is Python's own.
"""

from __future__ import annotations

import builtins
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from time import perf_counter
from types import ModuleType
from typing import Any, NamedTuple

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


class Imported(NamedTuple):
    """One import statement that took its time: the first of its module in the process."""

    module: str
    seconds: float
    #: Path of the file that the statement is in, and its line.
    path: str
    line: int
    #: The name of the module that the statement is in.
    importer: str


class ImportTimes:
    """Times import statements, the outermost in each thread: for a process that is there to be inspected.

    Args:
        least: seconds that it takes at least to be kept.
        most: how many are kept.
    """

    def __init__(self, least: float = 0.001, most: int = 200) -> None:
        self.found: list[Imported] = []
        self._least, self._most = least, most
        self._inside = threading.local()
        self._original: Any = None

    def start(self) -> None:
        """Stand in for ``__import__``."""
        original, inside, found = builtins.__import__, self._inside, self.found
        self._original = original

        def __import__(name: str, *args: Any, **kwargs: Any) -> ModuleType:  # noqa: N807 - it stands in for one
            if getattr(inside, "on", False):
                return original(name, *args, **kwargs)
            inside.on, start = True, perf_counter()
            try:
                return original(name, *args, **kwargs)
            finally:
                inside.on = False
                seconds = perf_counter() - start
                if seconds >= self._least and len(found) < self._most:
                    frame = sys._getframe(1)
                    found.append(Imported(
                        name, seconds, frame.f_code.co_filename, frame.f_lineno, str(frame.f_globals.get("__name__"))
                    ))  # fmt: skip

        self._wrapper = __import__
        builtins.__import__ = __import__

    def stop(self) -> None:
        """Give ``__import__`` back, unless somebody has wrapped it since."""
        if self._original is not None and builtins.__import__ is self._wrapper:
            builtins.__import__ = self._original
