"""The verdict of a running server: a sample and a judgement every period, a line in the log when it changes.

Looked at by the watcher's thread, so it goes on while the event loop is blocked; that nobody is served changes the
verdict at once and not at the end of a period.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..catalogue import VERDICTS
from ..config import Config
from ..state import Level, State
from ..state.numbers import of_state
from ..state.story import VERDICT
from .history import History, Point
from .judgement import HEALTHY, Judgement, Kind
from .samples import ROWS, sample_of
from .series import live, total
from .verdict import judge

log = logging.getLogger("bokeh_exporter")

#: Sentences of evidence in a line of the log; the rest is in /api/v1/status.
_TOLD = 3
#: Seconds that the columns of the history go back, and rows that they have at the most.
_COLUMNS, _ROWS = 6 * 3600.0, 180


class Monitor:
    """The history and the verdict of one process. Read from any thread, looked at by one.

    Args:
        state: what is sampled.
        config: period, grace and thresholds.
        read: gives the levels that are read now.
        stalled: says why nobody is served now, a line each.
    """

    def __init__(
        self, state: State, config: Config, read: Callable[[], list[Level]], stalled: Callable[[], Sequence[str]]
    ) -> None:
        self._state, self._config, self._read, self._stalled = state, config, read, stalled
        self.history = History()
        #: What holds now; replaced as a whole.
        self.judgement = judge((), config)
        #: What a capture of allocations has found to grow, if there was one.
        self.settled: Kind | None = None
        #: Is called with each judgement, in the thread that looks: for what a verdict sets off.
        self.on_judged: Callable[[Judgement], None] = lambda judgement: None
        #: Unix time from which on the leading verdict has held.
        self.since = time.time()
        self._due = 0.0
        self._seen = self._was_stalled = False

    def look(self) -> None:
        """Judge if it is time to, or if whether anybody is served has changed. Takes milliseconds, then."""
        # Seen twice in a row: after a call that kept the interpreter lock the loop has yet to get its chance.
        seen = self._stalled()
        stalled, self._seen = seen if self._seen else [], bool(seen)
        now = time.monotonic()
        if now < self._due and bool(stalled) == self._was_stalled:
            return
        self._due, self._was_stalled = now + self._config.verdict_period, bool(stalled)
        self.history.add(sample_of(of_state(self._state, self._read(), ROWS), time.time()))
        points, settled = self.history.points(), self.settled
        self._replace(judge(points, self._config, grace=self._config.grace, stalled=stalled, settled=settled))
        self.on_judged(self.judgement)

    def _replace(self, new: Judgement) -> None:
        old, self.judgement = self.judgement, new
        if new.name == old.name:
            return
        self.since = time.time()
        named = {"bokeh.memory.verdict": new.name, "bokeh.memory.verdict.previous": old.name}
        self._state.story.tell(VERDICT, named, warns=new.name != HEALTHY)
        level = logging.INFO if new.name == HEALTHY else logging.WARNING
        log.log(level, "verdict: %s (was %s)%s", new.name, old.name, _told(new))

    def levels(self) -> list[Level]:
        """Return ``bokeh_memory_verdict``: 1 for the verdict that leads, 0 for the others."""
        name = self.judgement.name
        return [Level("bokeh_memory_verdict", float(verdict == name), (verdict,)) for verdict in VERDICTS]

    def verdict(self) -> Mapping[str, Any]:
        """Return what holds, in the shape of ``/api/v1/status``."""
        content = dataclasses.asdict(self.judgement)
        content["since"] = self.since
        return content

    def columns(self) -> Mapping[str, Sequence[float | None]]:
        """Return the last six hours as columns of the same length, ``time`` among them."""
        points = self.history.points()
        points = [point for point in points if points[-1].time - point.time <= _COLUMNS]
        step = -(-len(points) // _ROWS) or 1
        kept = points[::-1][::step][::-1]  # the newest is always there
        return {name: [number(point) for point in kept] for name, number in _COLUMN.items()}


def _told(judgement: Judgement) -> str:
    texts = [one.text for one in judgement.evidence if one.verdict == judgement.name][:_TOLD]
    beside = f" Switched on, and growing memory itself: {', '.join(judgement.beside)}." if judgement.beside else ""
    return f": {'; '.join(texts)}. {judgement.advice}{beside}" if texts else "." + beside


def _known(field: str) -> Callable[[Point], float | None]:
    """Return the sum of a number over the apps; None where no app has it."""

    def number(point: Point) -> float | None:
        there = any(getattr(app, field) is not None for app in point.last.apps.values())
        return total(point.last, field) if there else None

    return number


_COLUMN: Mapping[str, Callable[[Point], float | None]] = {
    "time": lambda point: point.time,
    "sessions": lambda point: live(point.last),
    **{
        field: _known(field)
        for field in (
            "connected", "unused", "blocked", "created", "destroyed", "retained_sessions", "retained_models",
            "pending_sessions", "models", "messages",
        )
    },
    "rss_bytes": lambda point: point.last.process.rss,
    "heap_bytes": lambda point: point.last.process.heap,
    "malloc_resident_bytes": lambda point: point.last.process.malloc_resident,
    "python_blocks": lambda point: point.last.process.blocks,
    "python_blocks_floor": lambda point: point.low.process.blocks,
    "cgroup_usage_bytes": lambda point: point.last.process.cgroup_usage,
    "cgroup_inactive_file_bytes": lambda point: point.last.process.cgroup_inactive,
    "cgroup_limit_bytes": lambda point: point.last.process.cgroup_limit,
}  # fmt: skip
