"""Who blocks: the words for it, from the users' functions that run in a thread and from its stack.

A function of the user's that has run for most of the time comes first. Then what is known to take long and is nobody's
callback: an import, and Bokeh's sweep, which collects all garbage once for each session that it destroys.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from .imports import importing
from .loops import LoopState
from .stacks import blamed, sweeps

#: The name of what blocks, where it is Bokeh's sweep.
_SWEEP = "bokeh: destroys sessions"

#: Calls of users' functions under way in a thread, the outermost first: app, callback, ``perf_counter`` of the begin.
RunningCalls = Callable[[int], "list[tuple[str, str, float]]"]


class Culprits:
    """Names what a thread does.

    Args:
        running: lists the users' functions that run in a thread.
        leaving: how many sessions the sweep found to destroy when it last began, and of how many of them the end
            is a full collection of garbage.
    """

    def __init__(self, running: RunningCalls, leaving: Callable[[], tuple[int, int]] = lambda: (0, 0)) -> None:
        self._running, self._leaving = running, leaving

    def who(self, thread: int, age: float = 0.0, outside: int = 0) -> tuple[str, float] | None:
        """Name the user's function that has run in a thread for most of the time, and when it began.

        Args:
            thread: which one.
            age: seconds for which it has been busy.
            outside: how many of its outermost frames run the loop.
        """
        since = time.perf_counter() - age / 2
        calls = self._running(thread)
        calls = [call for call in calls if call[2] <= since] or calls[-1:]
        for app, name, begun in reversed(calls):  # innermost, but not the last of many short ones
            if ":" in name:
                return f"{app}: {name}", begun
        # A framework's callback, or what is no callback: a build, a request.
        found = blamed(thread, outside)
        if calls:
            app, name, begun = calls[-1]
            return f"{app}: {found or name}", begun
        return (found, 0.0) if found is not None else None

    def of_loop(self, site: LoopState, age: float) -> tuple[str | None, str]:
        """Name who has blocked a loop for some seconds, and say it as the end of a sentence; nothing if unknown."""
        package = importing(site.thread)
        if package is not None:
            return None, f"; importing {package}"
        since = time.perf_counter() - age / 2
        if sweeps(site.thread) and not any(begun <= since for _, _, begun in self._running(site.thread)):
            return _SWEEP, f"; {_said(*self._leaving())}"
        who = self.who(site.thread, age, site.outside)
        if who is None:
            return None, ""
        name, begun = who
        runs = f"has been running for {time.perf_counter() - begun:.0f} s" if begun else "is running"
        return name, f"; {name} {runs}"


def _said(sessions: int, collecting: int) -> str:
    number = f"{sessions} sessions" if sessions > 1 else "a session"
    each = " each" if sessions > 1 else ""
    how = f", with a full garbage collection{each}" if sessions and collecting == sessions else ""
    return f"Bokeh destroys {number}{how}"
