"""Imports that block the loop: the first visitor of an app waits for HoloViews, pandas or matplotlib to load.

That is no callback that blocks, happens once in a process, and is reported as what it is.
"""

from __future__ import annotations

import sys
from types import FrameType

from ...state.wording import clean

#: Seconds without a tick from which on is looked whether something is imported.
NOTICED = 1.0
#: Of the looks during a stall, the share that must have found the import.
_MOSTLY = 0.5

#: The function of asyncio's loops that runs what is due.
_ROUND = "_run_once"
#: importlib's function that finds a module and loads it, by its file and its parameters.
_FILE, _PARAMETERS = "<frozen importlib._bootstrap>", ("name", "import_")


def importing(thread: int) -> str | None:
    """Name the package that a thread imports: the one that the code asked for, not what that one imports in turn."""
    frame: FrameType | None = sys._current_frames().get(thread)
    found = None
    while frame is not None:
        code = frame.f_code
        if code.co_name == _ROUND:
            break  # what is further out runs the server, which may itself be started by an import
        if code.co_filename == _FILE and code.co_varnames[:2] == _PARAMETERS:
            name = frame.f_locals.get("name")
            # The script of an app is no package that it waits for.
            if type(name) is str and not name.startswith("bokeh_app_"):
                found = name
        frame = frame.f_back
    return clean(found.partition(".")[0]) if found is not None else None


class Imports:
    """What was found to be imported while one loop did not tick."""

    def __init__(self) -> None:
        self._looks = 0
        self._found: dict[str, int] = {}

    def look(self, thread: int) -> None:
        """Look at what the loop's thread does."""
        self._looks += 1
        name = importing(thread)
        if name is not None:
            self._found[name] = self._found.get(name, 0) + 1

    @property
    def name(self) -> str | None:
        """The package that most of the time went to; None where it did not."""
        name = max(self._found, key=lambda each: self._found[each], default=None)
        return name if name is not None and self._found[name] > _MOSTLY * self._looks else None
