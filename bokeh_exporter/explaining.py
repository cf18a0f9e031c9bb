"""Composition of the searches and captures: what the observers know becomes what ``diagnose`` looks for."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable, Iterable, Mapping

from .config import Config
from .control.collecting import Collecting
from .diagnose.heap.capture import Capture
from .diagnose.heap.capture import study as capture_study
from .diagnose.heap.explainer import EVERY, EventAttributes, Explainer
from .diagnose.heap.holders import Target
from .diagnose.heap.roots import Host
from .diagnose.verdicts.judgement import Judgement
from .diagnose.verdicts.monitor import Monitor
from .observe.frame import Frame
from .observe.hosts.bokeh_sessions import sessions_of
from .observe.leaks.ledger import Ledger
from .observe.leaks.zombies import kept_by, zombies
from .observe.loop.loops import Loops
from .observe.memory.cgroups import Cgroups
from .observe.memory.garbage_collector import Garbage
from .observe.rebuilds.inventory import Inventory
from .observe.sessions.lifetimes import record_of
from .state.notices import UNCOLLECTED

log = logging.getLogger("bokeh_exporter")

Study = Callable[[Mapping[str, list[str]]], tuple[Mapping[str, object], str]]


class Explaining:
    """Who holds it, and which lines made it, for one exporter."""

    def __init__(self, config: Config, frame: Frame, collecting: Collecting) -> None:
        self._options, self._frame = config, frame
        self._capture: Capture | None = None
        self._next_capture = 0.0
        self.explainer = Explainer(
            targets=self._targets, hosts=self._hosts, room=self._room, retained=self._retained,
            collect=collecting.collect_unless_long,
            on_error=lambda error: frame.state.swallow("explain", error),
        )  # fmt: skip
        #: Hears of an app and who holds its retained sessions.
        self.on_reported: Callable[[str, str], None] = lambda app, text: None
        self.explainer.on_event = self._report
        self.explainer.on_search = self._searches

    def studies(self) -> dict[str, Study]:
        """Return what ``/debug`` offers."""
        found: dict[str, Study] = {
            "explain": self.explainer.study,
            "capture": capture_study(self._options.capture_seconds),
        }
        if self._options.inventory and self._options.includes(Inventory.level):
            found["inventory"] = self._frame.find(Inventory).study
        return found

    def start(self) -> None:
        """Take the signal, while debugging is on."""
        if self._options.debug:
            self.explainer.listen()

    def look(self) -> None:
        """Called a few times a second, in the watcher's thread."""
        if self._options.explain_retained:
            self.explainer.look()

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
        if self._capture is not None:
            self._capture.stop()

    def after_fork(self) -> None:
        """In a forked child: the threads did not come along."""
        self.explainer.after_fork()
        self._capture = None

    def judged(self, judgement: Judgement, monitor: Monitor) -> None:
        """Capture once an hour at the most while a verdict says that memory grows, if that is wanted."""
        now = time.monotonic()
        grows = {"session_growth", "process_growth"} & {judgement.name, *judgement.others}
        if not self._options.capture or not grows or now < self._next_capture:
            return
        self._next_capture = now + EVERY
        self._capture = capture = Capture(self._options.capture_seconds)

        def run() -> None:
            try:
                captured = capture.run()
            except BlockingIOError as error:
                log.warning("%s", error)
                return
            log.warning("what grew: %s", captured.text())
            monitor.settled = captured.of

        self.explainer.start(run)

    # --- what the observers know -----------------------------------------------------------------

    def _targets(self, live: bool) -> Iterable[Target]:
        if live:
            return list(self._live())
        raised = {id(session): culprit for session, culprit in zombies(self._frame.apps.alive())}
        found = []
        for held in self._frame.find(Ledger).held():
            thing = held.reference()
            if thing is not None:
                note = raised.get(id(thing), "")
                found.append(Target(held.app, held.kind, held.reference, held.destroyed, held.cls, note))
            del thing
        return found

    def _live(self) -> Iterable[Target]:
        for context, app in self._frame.apps.alive():
            for session in sessions_of(context):
                if not session.destroyed:
                    record = record_of(session)
                    opened = time.monotonic() if record is None or record.created is None else record.created
                    kind = type(session).__name__
                    yield Target(app.label, "live_session", weakref.ref(session), opened, kind, kept_by(session))

    def _hosts(self) -> Iterable[Host]:
        for context, app in self._frame.apps.alive():
            yield Host("ApplicationContext", f" of {app.label}", weakref.ref(context))
        for site in self._frame.find(Loops).sites():
            yield Host("event loop", "", site.loop)

    def _room(self) -> float | None:
        return self._frame.find(Cgroups).room()

    def _retained(self) -> Mapping[str, int]:
        return {
            app: max(left.retained_sessions, _beyond_one(left.retained_models))
            for app, left in self._frame.find(Ledger).counts().items()
        }


def _beyond_one(models: int) -> int:
    # The Document that may stay has some models with it.
    return models // 10
