"""Refreshes hosts and observers when an app has imported a library whose functions are wrapped."""

from __future__ import annotations

from typing import ClassVar

from .. import config as options
from .frame import Observer
from .hosts.imports import Finder


class LateImports(Observer):
    """Hooks into libraries that an app imports while its first document is built."""

    name: ClassVar[str] = "late_imports"
    level: ClassVar[options.Level] = "element"

    def start(self) -> None:
        """Look at what is imported from now on."""
        self._finder = Finder(self._imported)
        self._finder.start()

    def stop(self) -> None:
        """Look no more."""
        self._finder.stop()

    def _imported(self) -> None:
        try:
            if self.patches.on:
                self.frame.refresh()
        except Exception as error:
            self.on.swallow(error)
