"""Refreshes hosts and observers when an app has imported a library whose functions are wrapped."""

from __future__ import annotations

from typing import ClassVar

from .frame import Observer
from .hosts.imports import LIBRARIES, SERVERS, Finder


class LateImports(Observer):
    """Hooks into what is imported after the apps are made: servers, and libraries that elements are made with."""

    name: ClassVar[str] = "late_imports"

    def start(self) -> None:
        """Look at what is imported from now on."""
        # Elements alone have to be seen in the very build that imports their library.
        names = SERVERS | LIBRARIES if self.frame.config.includes("element") else SERVERS
        self._finder = Finder(self._imported, names)
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
