"""Composition of searches, captures and collection rules: what the observers know is what ``diagnose`` looks for."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from .acting import Acting
from .catalogue import OTHER
from .config import Config
from .control.collecting import Collecting
from .control.gathered import send
from .diagnose.blame.sources import has_literal
from .diagnose.heap.capture import Capture
from .diagnose.heap.capture import study as capture_study
from .diagnose.heap.explainer import EventAttributes, Explainer
from .diagnose.heap.holders import Target, leftovers
from .diagnose.heap.roots import Host
from .diagnose.rules import GROWTH, RETAINED, Rule, Rules, read
from .diagnose.verdicts.monitor import Monitor
from .expose.about import about
from .observe.frame import Frame
from .observe.hosts.bokeh_models import configuration, left_classes, left_over
from .observe.hosts.bokeh_sessions import sessions_of
from .observe.leaks.adoption import adopt
from .observe.leaks.ledger import Ledger
from .observe.leaks.zombies import kept_by, zombies
from .observe.loop.loops import Loops
from .observe.loop.stacks import report
from .observe.memory.cgroups import Cgroups
from .observe.memory.garbage_collector import Garbage
from .observe.rebuilds.inventory import Inventory
from .observe.sessions.lifetimes import record_of
from .observe.sessions.panel_pages import PanelPages
from .state import Level
from .state.notices import UNCOLLECTED
from .state.numbers import Numbers, of_state

log = logging.getLogger("bokeh_exporter")

#: Seconds between two looks at what the rules watch.
_LOOK = 5.0
#: What the ledger knows without a sample.
_LEDGER = frozenset(each.metric for each in RETAINED.conditions)
Evidence = tuple[Mapping[str, object], str]
Study = Callable[[Mapping[str, list[str]]], tuple[Mapping[str, object], str]]


class Explaining:
    """Who holds it, and which lines made it, for one exporter."""

    def __init__(self, config: Config, frame: Frame, collecting: Collecting) -> None:
        self._options, self._frame = config, frame
        self._capture: Capture | None = None
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

    def capture(self, monitor: Monitor) -> None:
        """Trace allocations for a while, log what grew, and let the next judgements know whose it is. It waits."""
        self._capture = capture = Capture(self._options.capture_seconds)
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

    def _cached(self) -> Mapping[str, str]:
        return self._frame.find(PanelPages).cached() if self._options.includes(PanelPages.level) else {}

    def _room(self) -> float | None:
        return self._frame.find(Cgroups).room()


class Gathering:
    """The collection rules of one exporter.

    Raises:
        ConfigError: the file of rules cannot be used.
    """

    def __init__(self, config: Config, frame: Frame, acting: Acting, explaining: Explaining) -> None:
        self._options, self._frame, self._acting, self._explaining = config, frame, acting, explaining
        built_in = [rule for rule, on in ((RETAINED, config.explain_retained), (GROWTH, config.capture)) if on]
        own = read(config.collection_rules) if config.collection_rules is not None else []
        self._rules = Rules([*built_in, *own])
        self._looked = time.monotonic()

    def look(self, monitor: Monitor, read_levels: Callable[[], list[Level]]) -> None:
        """Gather what is due. Called a few times a second, in the watcher's thread; cheap."""
        now = time.monotonic()
        if not self._rules or now - self._looked < _LOOK:
            return
        self._looked = now
        judgement = monitor.judgement
        for rule, apps in self._rules.due({judgement.name, *judgement.others}, self._numbers(read_levels)):
            self._explaining.explainer.start(
                self._work(rule, apps, monitor), partial(self._rules.did_not_run, rule, apps)
            )

    def _numbers(self, read_levels: Callable[[], list[Level]]) -> Numbers:
        wanted = self._rules.metrics
        if wanted <= _LEDGER:
            counts = self._frame.find(Ledger).counts()
            sessions: dict[tuple[str, ...], float] = {}
            models: dict[tuple[str, ...], float] = {}
            for app, left in counts.items():
                sessions[app, "retained"], models[app, "retained"] = left.retained_sessions, left.retained_models
            return {"bokeh_sessions_uncollected": sessions, "bokeh_models_uncollected": models}
        return of_state(self._frame.state, read_levels(), wanted)

    def _work(self, rule: Rule, apps: frozenset[str], monitor: Monitor) -> Callable[[], None]:
        if rule is RETAINED:  # in words of its own, and with one event for each app
            return lambda: self._explaining.explainer.report(apps)
        if rule is GROWTH:
            return lambda: self._explaining.capture(monitor)

        def work() -> None:
            for what in rule.gathers:
                content, text = self._gather(what, monitor)
                for place in rule.to:
                    send(self._frame.state, place, rule.name, what, content, text)

        return work

    def _gather(self, what: str, monitor: Monitor) -> Evidence:
        if what == "capture":
            captured = Capture(self._options.capture_seconds).run()
            return captured.content(), captured.text()
        if what == "explain":
            found = self._explaining.explainer.run()
            return found.content(), found.text()
        if what == "stacks":
            text = report(self._acting.loops(), has_literal)
            return {"stacks": text.splitlines()}, text
        if what == "census":
            counted = self._acting.debug()["census"]()
            largest = list(counted["types"].items())[:10]
            return counted, ", ".join(f"{each['count']} {name}" for name, each in largest)
        parts = {each: self._gather(each, monitor) for each in ("explain", "stacks", "census")}
        content = {each: evidence[0] for each, evidence in parts.items()}
        text = "\n".join(f"{each}:\n{evidence[1]}" for each, evidence in parts.items())
        return {"about": about(self._options), "verdict": monitor.verdict(), **content}, text
