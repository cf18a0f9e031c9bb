"""Composition of searches and captures: what the observers know is what ``diagnose`` looks for."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from .catalogue import OTHER
from .config import Config
from .control.collecting import Collecting
from .diagnose.heap.explainer import EventAttributes, Explainer
from .diagnose.verdicts.monitor import Monitor
from .observe.frame import Frame
from .observe.hosts.bokeh_models import configuration, left_classes, left_over
from .observe.hosts.bokeh_sessions import sessions_of
from .observe.leaks.adoption import adopt
from .observe.leaks.ledger import Ledger
from .observe.leaks.zombies import kept_by, zombies
from .observe.loop.loops import Loops
from .observe.memory.cgroups import Cgroups
from .observe.memory.garbage_collector import Garbage
from .observe.sessions.lifetimes import record_of
from .observe.sessions.panel_pages import PanelPages
from .state.notices import UNCOLLECTED

# What searches and traces is imported where it begins, in the thread that does it: most processes never need it.
if TYPE_CHECKING:
    from .diagnose.heap.capture import Capture
    from .diagnose.heap.holders import Target
    from .diagnose.heap.roots import Host

log = logging.getLogger("bokeh_exporter")

Evidence = tuple[Mapping[str, object], str]
Study = Callable[[Mapping[str, list[str]]], tuple[Mapping[str, object], str]]


class Explaining:
    """Who holds it, and which lines made it, for one exporter."""

    def __init__(self, config: Config, frame: Frame, collecting: Collecting) -> None:
        self._options, self._frame = config, frame
        #: What may have to end early; one waits for none, so there are few.
        self._captures: weakref.WeakSet[Capture] = weakref.WeakSet()
        self._stopped = False
        self.explainer = Explainer(
            targets=self._targets, hosts=self._hosts, room=self._room,
            collect=collecting.collect_unless_long,
            on_error=lambda error: frame.state.swallow("explain", error), cached=self._cached,
        )  # fmt: skip
        #: Hears of an app and who holds its retained sessions.
        self.on_reported: Callable[[str, str], None] = lambda app, text: None
        self.explainer.on_event = self._report
        self.explainer.on_found = lambda app, text: self.on_reported(app, text)
        self.explainer.on_search = self._searches

    def studies(self) -> dict[str, Study]:
        """Return what ``/debug`` offers."""
        found: dict[str, Study] = {"explain": self.explainer.study, "capture": self._capture_study}
        if self._options.inventory and self._options.includes("element"):
            from .observe.rebuilds.inventory import Inventory

            found["inventory"] = self._frame.find(Inventory).study
        return found

    def _capture_study(self, query: Mapping[str, list[str]]) -> Evidence:
        from .diagnose.heap.capture import study

        return study(self._options.capture_seconds, self._begins)(query)

    def _begins(self, capture: Capture) -> None:
        self._captures.add(capture)
        if self._stopped:
            capture.stop()

    def start(self) -> None:
        """Take the signal, while debugging is on."""
        if self._options.debug:
            self.explainer.listen()

    def _searches(self, begins: bool) -> None:
        self._frame.find(Garbage).all_held = begins

    def _report(self, event: EventAttributes) -> None:
        """Emit a notice of who holds an app's retained sessions, besides the one of each session."""
        attributes: dict[str, str | float | int] = {
            "bokeh.app": str(event["app"]),
            "bokeh.retention.kind": str(event["kind"]),
            "bokeh.retention.count": int(str(event["count"])),
            "bokeh.retention.root": str(event["root"]),
            "bokeh.retention.path": str(event["text"]),
        }
        self._frame.state.notices.emit(UNCOLLECTED, attributes, warns=True)
        self.on_reported(str(event["app"]), str(event["text"]))

    def stop(self) -> None:
        """Give the signal back, and end a capture."""
        self.explainer.deafen()
        self._stopped = True
        for capture in list(self._captures):
            capture.stop()

    def after_fork(self) -> None:
        """In a forked child: the threads did not come along."""
        self.explainer.after_fork()
        self._captures.clear()

    def capture(self, monitor: Monitor) -> None:
        """Trace allocations for a while, log what grew, and let the next judgements know whose it is. It waits."""
        from .diagnose.heap.capture import Capture

        capture = Capture(self._options.capture_seconds)
        self._begins(capture)
        try:
            captured = capture.run()
        except BlockingIOError as error:
            log.warning("%s", error)
            return
        log.warning("what grew: %s", captured.text())
        monitor.settled = captured.of

    def adopt(self) -> Mapping[str, int]:
        """Take what destroyed sessions left before the exporter was there into the ledger; return how much it was.

        One look at all objects, in a thread that is not an event loop's.

        Raises:
            InterpreterError: it cannot be done on this interpreter.
        """
        from .diagnose.heap.holders import leftovers

        labels = self._frame.apps.labels()
        app = next(iter(labels)) if len(labels) == 1 else OTHER
        of_live: set[int] = set()

        def is_left(thing: object) -> bool:
            of_live.update(configuration(thing))
            return left_over(thing) is not None

        self._searches(True)
        try:
            left = leftovers(left_classes(), is_left)
        finally:
            self._searches(False)
        left = [each for each in left if id(each()) not in of_live]
        return adopt(self._frame.find(Ledger).accounts, app, left)

    # --- what the observers know -----------------------------------------------------------------

    def _targets(self, live: bool) -> Iterable[Target]:
        from .diagnose.heap.holders import Target

        if live:
            return list(self._live())
        raised = {id(session): culprit for session, culprit in zombies(self._frame.apps.alive())}
        found = []
        for held in self._frame.find(Ledger).held():
            thing = held.reference()
            if thing is not None:
                note = raised.get(id(thing), "")
                found.append(Target(held.app, held.kind, held.reference, held.destroyed, held.cls, note, held.adopted))
            del thing
        return found

    def _live(self) -> Iterable[Target]:
        from .diagnose.heap.holders import Target

        for context, app in self._frame.apps.alive():
            for session in sessions_of(context):
                if not session.destroyed:
                    record = record_of(session)
                    opened = time.monotonic() if record is None or record.created is None else record.created
                    kind = type(session).__name__
                    yield Target(app.label, "live_session", weakref.ref(session), opened, kind, kept_by(session))

    def _hosts(self) -> Iterable[Host]:
        from .diagnose.heap.roots import Host

        for context, app in self._frame.apps.alive():
            yield Host("ApplicationContext", f" of {app.label}", weakref.ref(context))
        for site in self._frame.find(Loops).sites():
            yield Host("event loop", "", site.loop)

    def _cached(self) -> Mapping[str, str]:
        return self._frame.find(PanelPages).cached() if self._options.includes(PanelPages.level) else {}

    def _room(self) -> float | None:
        return self._frame.find(Cgroups).room()
