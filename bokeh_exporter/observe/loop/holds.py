"""Document locks that are held for long while the loop ticks: nobody is blocked but the users of those sessions.

A callback that awaits an answer keeps its session's lock, so that the page reacts to nothing. The watcher looks at the
locks that are held, and names the callback by the task that took the lock, or by the thread that it runs in.
"""

from __future__ import annotations

import logging
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from time import perf_counter

from ..hosts.document_locks import Hold
from .culprits import RunningCalls
from .stacks import awaiting

log = logging.getLogger("bokeh_exporter")

#: Seconds between the moments at which a lock is taken and a callback begins, on a loop that is busy.
_SOON = 1.0
#: Callbacks that are named.
_MOST = 20
_ADVICE = (
    "Give what it waits for a timeout, or let it wait without the lock: bokeh.document.without_document_lock, and "
    "add_next_tick_callback for what changes the document."
)


class LongHolds:
    """Logs who holds document locks for long, once, and when that is over.

    Args:
        holds: the locks that are held now.
        after: seconds above which that is long.
        running: lists the users' functions that run in a thread.
        ticks: whether the loops tick; where they do not, that is what is said.
    """

    def __init__(
        self, holds: Callable[[], Mapping[int, Hold]], after: float, running: RunningCalls, ticks: Callable[[], bool]
    ) -> None:
        self._holds, self._after, self._running, self._ticks = holds, after, running, ticks
        #: (app, callback) -> seconds by now of the longest, and how many.
        self._now: dict[tuple[str, str], tuple[float, int]] = {}

    def look(self) -> None:
        """Find those that are held for long, and log what has changed."""
        found: dict[tuple[str, str], list[float]] = defaultdict(list)
        now = perf_counter()
        for key, hold in list(self._holds().items()):
            begin, task = hold.at, hold.task() if hold.task is not None else None
            if hold.task is not None and (task is None or task.done()):
                hold.holds.pop(key, None)  # its session is gone
            elif begin and now - begin >= self._after and len(found) < _MOST and self._ticks():
                name = (awaiting(task) if task is not None else None) or self._in_a_thread(hold.app, begin)
                found[hold.app, name or ""].append(now - begin)
        new = {key: (max(ages), len(ages)) for key, ages in found.items()}
        before, self._now = self._now, new
        for (app, name), (seconds, sessions) in new.items():
            if (app, name) not in before:
                log.warning("%s", _says(app, name, seconds, sessions))
        for (app, name), (seconds, _) in before.items():
            if (app, name) not in new:
                log.info("%s: %s released the document lock after %.0f s", app, name or "a callback", seconds)

    def harm(self) -> list[dict[str, str]]:
        """Return those that are held for long now, in the shape of a verdict's ``harm``. From any thread."""
        rows = sorted(self._now.items(), key=lambda item: -item[1][0])
        return [{"what": "document_lock_held", "text": _says(*key, *told), "advice": _ADVICE} for key, told in rows]

    def _in_a_thread(self, app: str, begin: float) -> str | None:
        """Name the function that began in a thread when the lock was taken."""
        calls = [call for thread in list(sys._current_frames()) for call in self._running(thread)]
        fits = [call for call in calls if call[0] == app and ":" in call[1] and 0 <= call[2] - begin < _SOON]
        return min(fits, key=lambda call: call[2])[1] if fits else None


def _says(app: str, name: str, seconds: float, sessions: int) -> str:
    whose = "a session" if sessions == 1 else f"{sessions} sessions"
    waits = "its page reacts" if sessions == 1 else "their pages react"
    who = f"{app}: {name or 'a callback'}"
    return f"{who} has held the document lock of {whose} for {seconds:.0f} s: {waits} to nothing"
