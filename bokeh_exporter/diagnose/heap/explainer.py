"""When to look for who holds what: on request, on a signal, and when a collection rule wants it.

One search at a time, each in a thread of its own: it takes seconds, and neither an event loop nor the
watcher may wait for it. What searches is imported with the first one: a megabyte that most processes never need.
"""

from __future__ import annotations

import contextvars
import logging
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

from .history import HolderHistory

if TYPE_CHECKING:
    from ..containers.growth import ContainerGrowth
    from .answers import Explanation
    from .holders import Target
    from .roots import Host

log = logging.getLogger("bokeh_exporter")

#: Seconds that a request waits for a search that began by itself.
_PATIENCE = 60.0
_SIGNAL: int | None = getattr(signal, "SIGUSR2", None)

#: What is logged of a search that nobody asked for, also as the attribute ``event`` of the log record.
EventAttributes = dict[str, object]


class BusyError(BlockingIOError):
    """A search is under way; one line."""


class Explainer:
    """The searches of one exporter.

    Args:
        targets: lists what destroyed sessions left, or (True) the live sessions.
        hosts: lists what lives by itself besides modules and running functions.
        collect: runs a full collection.
        room: how many bytes the process may still take, None if nobody knows.
        on_error: called with the error of a search that nobody asked for.
        clock: returns the Unix time.
        cached: returns the functions that Panel caches, by the digest that it keeps each under.
    """

    def __init__(
        self, *, targets: Callable[[bool], Iterable[Target]], hosts: Callable[[], Iterable[Host]],
        collect: Callable[[], object], room: Callable[[], float | None],
        on_error: Callable[[BaseException], None],
        clock: Callable[[], float] = time.time,
        cached: Callable[[], Mapping[str, str]] = dict[str, str],
    ) -> None:  # fmt: skip
        self._history, self._clock, self._cached = HolderHistory(clock), clock, cached
        self._growth: ContainerGrowth | None = None
        self._targets, self._hosts, self._collect, self._room = targets, hosts, collect, room
        self._on_error = on_error
        self._busy = threading.Lock()
        self._before: Any = None
        #: Called with each event, besides the log.
        self.on_event: Callable[[EventAttributes], None] = lambda event: None
        #: Called with an app and who holds most of what it retains, after each search that somebody asked for.
        self.on_found: Callable[[str, str], None] = lambda app, text: None
        #: Called with the rows of the containers that have grown, after each such search.
        self.on_grown: Callable[[list[dict[str, object]]], None] = lambda rows: None
        #: Called when a search begins (True) and is over: meanwhile it may hold all objects.
        self.on_search: Callable[[bool], None] = lambda begins: None

    # --- on request ----------------------------------------------------------------------------

    def run(self, live: bool = False) -> Explanation:
        """Collect, then find who holds what destroyed sessions left, or who holds the live sessions.

        Raises:
            BusyError: a search is under way.
            NoRoomError: the process has no room for it.
        """
        return self._run(lambda: self._targets(live), collect=True, grown=not live)

    def study(self, query: Mapping[str, list[str]]) -> tuple[Mapping[str, object], str]:
        """Answer ``POST /debug/explain``; ``?live=1`` asks for the live sessions.

        Raises:
            ValueError: ``live`` is neither 0 nor 1.
            BusyError, NoRoomError: as :meth:`run`.
        """
        live = query.get("live", ["0"])[-1]
        if live not in ("0", "1"):
            raise ValueError(f"live={live[:20]!r} cannot be used: give 0 or 1")
        found = self.run(live == "1")
        if live == "0":
            for app, text in {each.app: each.text() for each in reversed(found.retained)}.items():
                self.on_found(app, text)
            self.on_grown([each.content() for each in found.containers])
        return found.content(), found.text()

    def _run(self, targets: Callable[[], Iterable[Target]], collect: bool, grown: bool = False) -> Explanation:
        from ..containers.growth import ContainerGrowth
        from .explain import explain

        # Who asks waits for one that nobody asked for; that one gives way.
        if not self._busy.acquire(timeout=_PATIENCE if collect else 0.01):
            raise BusyError("a search is running: try again in a few seconds")
        try:
            if collect:
                self._collect()
            if grown and self._growth is None:
                self._growth = ContainerGrowth(self._clock, self._cached)
            look = self._growth.look if grown and self._growth is not None else None
            self.on_search(True)
            return explain(targets(), self._hosts, self._room, self._history, look)
        finally:
            self.on_search(False)
            self._busy.release()

    # --- by itself -----------------------------------------------------------------------------

    def report(self, due: Collection[str]) -> None:
        """Log who holds what these apps retain, and raise the event of each.

        Raises:
            BusyError, NoRoomError: as :meth:`run`.
        """
        # Without a collection: what is retained has survived one.
        found = self._run(lambda: [each for each in self._targets(False) if each.app in due], collect=False)
        for app in sorted(due):
            held = [each for each in found.retained if each.app == app]
            if not held:
                continue
            event: EventAttributes = {
                "name": "bokeh.sessions.retained", "app": app, "count": held[0].count, "kind": held[0].kind,
                "root": held[0].root(), "text": held[0].text(), "seconds": round(found.seconds, 3),
            }  # fmt: skip
            others = f" (and {len(held) - 1} other holders: see /debug/explain)" if len(held) > 1 else ""
            log.warning("who holds destroyed sessions of %s: %s%s", app, held[0].text(), others, extra={"event": event})
            self.on_event(event)

    def start(self, work: Callable[[], None], on_busy: Callable[[], None] = lambda: None) -> None:
        """Do it in a thread of its own; an error is reported and goes no further.

        Args:
            work: what to do.
            on_busy: called, in that thread, if another search runs at this moment.
        """

        def guarded() -> None:
            try:
                work()
            except BusyError:
                on_busy()  # somebody has asked for one at this moment
            except BlockingIOError:
                pass  # a capture runs, or the host traces for itself
            except MemoryError as error:
                log.warning("%s", error)
            except Exception as error:
                self._on_error(error)

        threading.Thread(
            target=contextvars.Context().run, args=(guarded,), name="bokeh-exporter-explain", daemon=True
        ).start()

    # --- by signal -----------------------------------------------------------------------------

    def listen(self) -> None:
        """Take SIGUSR2, on the main thread and where nobody else has taken it."""
        if (
            _SIGNAL is not None
            and threading.current_thread() is threading.main_thread()
            and signal.getsignal(_SIGNAL) is signal.SIG_DFL
        ):
            self._before = signal.signal(_SIGNAL, self._signalled)

    def deafen(self) -> None:
        """Give SIGUSR2 back, unless somebody has taken it since."""
        if self._before is None or _SIGNAL is None or signal.getsignal(_SIGNAL) != self._signalled:
            return
        if threading.current_thread() is threading.main_thread():
            signal.signal(_SIGNAL, self._before)
            self._before = None

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.start(lambda: log.warning("who holds destroyed sessions:\n%s", self.run().text()))

    def after_fork(self) -> None:
        """In a forked child: the thread that searched did not come along."""
        self._busy = threading.Lock()
