"""Composition of collection rules: when a number or a verdict says so, evidence is gathered and sent.

A search or a capture is imported as it begins, in its own thread: most processes never need one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from .acting import Acting
from .config import Config
from .control.gathered import send
from .diagnose.blame.sources import has_literal
from .diagnose.rules import GROWTH, RETAINED, Rule, Rules, read
from .diagnose.verdicts.monitor import Monitor
from .explaining import Evidence, Explaining
from .expose.about import about
from .observe.frame import Frame
from .observe.leaks.ledger import Ledger
from .observe.loop.stacks import report
from .state import Level
from .state.numbers import Numbers, of_state

#: Seconds between two looks at what the rules watch.
_LOOK = 5.0
#: What the ledger knows without a sample.
_LEDGER = frozenset(each.metric for each in RETAINED.conditions)


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
            from .diagnose.heap.capture import Capture

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
