"""The verdict of a running server: a sample and a judgement every period, a line in the log when it changes.

Runs in the watcher's thread, so it continues while the event loop is blocked; a blocked server changes the
verdict at once and not at the end of a period.
"""

from __future__ import annotations

import dataclasses
import gc
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...catalogue import VERDICTS
from ...config import Config
from ...state import Level, State
from ...state.notices import VERDICT
from ...state.numbers import Numbers, of_state
from ..blame.constants import kept_by_host
from .beside import observing, so_far
from .history import History, Point
from .judgement import HEALTHY, STALLED, GrowthKind, Judgement
from .plot_columns import Columns, app_columns, columns
from .samples import ROWS, Sample, sample_of, sum_of
from .verdict import judge, stall

log = logging.getLogger("bokeh_exporter")

#: Sentences of evidence in a line of the log; the rest is in /api/v1/status.
_TOLD = 3
#: Stalls that are remembered when they are over.
_STALLS = 16


class Monitor:
    """The history and the verdict of one process. Read from any thread, looked at by one.

    Args:
        state: what is sampled.
        config: period, grace and thresholds.
        read: gives the levels that are read now.
        stalled: why the server is blocked now, a line each.
    """

    def __init__(
        self, state: State, config: Config, read: Callable[[], list[Level]], stalled: Callable[[], Sequence[str]]
    ) -> None:
        self._numbers, self._options, self._read, self._stalled = state, config, read, stalled
        self.history = History()
        #: What ``columns`` needs of the numbers.
        self.rows = ROWS
        #: What holds now; replaced as a whole.
        self.judgement = judge((), config)
        #: The last judgement that was asked for, and as plain data.
        self._plain: tuple[Judgement | None, Mapping[str, Any]] = (None, {})
        #: What a capture of allocations has found to grow, if there was one.
        self.settled: GrowthKind | None = None
        #: Unix time since which the leading verdict has held.
        self.since = time.time()
        #: The last times that nobody was served: when it was seen, and why in a line; the newest last.
        self.stalls: deque[tuple[float, str]] = deque(maxlen=_STALLS)
        #: What harms users at this moment, beside what the samples say, in the shape of a verdict's ``harm``.
        self.also_harms: Callable[[], list[dict[str, str]]] = list
        #: What of each app's destroyed sessions the host itself keeps, in words.
        self._constant: list[dict[str, str]] = []
        self._due = 0.0
        self._seen = self._was_stalled = self._was_disabled = self._disabled = False

    def look(self) -> None:
        """Judge if it is time to, or if whether anybody is served has changed. Takes milliseconds, then."""
        # Seen twice in a row: after a call that kept the interpreter lock the loop has yet to get its chance.
        seen = self._stalled()
        stalled, self._seen = seen if self._seen else [], bool(seen)
        now = time.monotonic()
        if now < self._due and bool(stalled) == self._was_stalled:
            return
        if stalled and not self._was_stalled:
            self.stalls.append((time.time(), stalled[0]))
        self._due, self._was_stalled = now + self._options.verdict_period, bool(stalled)
        self.history.add(self._sample())
        points, settled = self.history.points(), self.settled
        kept = {app: kept_by_host(each.retained_sessions or 0) for app, each in points[-1].last.apps.items()}
        self._constant = [{"app": app, "text": text} for app, text in kept.items() if text is not None]
        # Twice in a row: a walk of the heap turns it off for milliseconds.
        self._disabled, self._was_disabled = self._was_disabled and not gc.isenabled(), not gc.isenabled()
        self._replace(
            judge(
                points, self._options, grace=self._options.grace, stalled=stalled, settled=settled,
                collects=self._options.collect_garbage, disabled=self._disabled,
            )
        )  # fmt: skip

    def _replace(self, new: Judgement) -> None:
        old, self.judgement = self.judgement, new
        if new.name == old.name:
            return
        self.since = time.time()
        named = {"bokeh.memory.verdict": new.name, "bokeh.memory.verdict.previous": old.name}
        self._numbers.notices.emit(VERDICT, named, warns=new.name != HEALTHY)
        level = logging.INFO if new.name == HEALTHY else logging.WARNING
        log.log(level, "verdict: %s (was %s)%s", new.name, old.name, _log_text(new))

    def levels(self) -> list[Level]:
        """Return 1 for the verdict that leads and 0 for the others, what is excluded, and the time until the limit."""
        now = self.judgement
        found = [Level("bokeh_memory_verdict", float(verdict == now.name), (verdict,)) for verdict in VERDICTS]
        for one in now.excluded:
            per = one.what.removeprefix("growth per ")
            found.append(Level("bokeh_memory_growth_excluded_bytes", one.bound, (per,)))
        if now.full_at is not None:
            found.append(Level("bokeh_memory_seconds_until_limit", max(0.0, now.full_at.time - time.time())))
        return found

    def verdict(self) -> Mapping[str, Any]:
        """Return what holds, in the shape of ``/api/v1/status``."""
        judgement = self.judgement
        if self._plain[0] is not judgement:  # asked for each two seconds by each page
            self._plain = (judgement, dataclasses.asdict(judgement))
        plain = self._plain[1]
        blocked = self._stalled() if judgement.name == STALLED else ()
        if blocked:  # for how long by now: the judgement is as old as the stall, or a period
            rest = [one for one in plain["evidence"] if one["verdict"] != STALLED]
            plain = {**plain, "evidence": [*(dataclasses.asdict(stall(text)) for text in blocked), *rest]}
        if judgement.observing is not None:
            missing = self._missing() or judgement.observing
            plain = {**plain, "observing": missing, "advice": so_far(missing)}
        stalls = [{"time": seen, "text": text} for seen, text in list(self.stalls)]
        harm = [*self.also_harms(), *plain["harm"]]
        return {**plain, "harm": harm, "constant": self._constant, "since": self.since, "stalls": stalls}

    def _missing(self) -> str | None:
        """Return what has not been seen enough of by now: the judgement is up to a period old."""
        now = self._sample()
        points = [*self.history.points(), Point(now, now)]
        return observing(points, self._options, self._options.collect_garbage, self._disabled)

    def _sample(self) -> Sample:
        return sample_of(of_state(self._numbers, self._read(), ROWS), time.time())

    def app_columns(self, since: float) -> Mapping[str, Columns]:
        """Return the same of each app by itself, with a last row that is of now."""
        sample = self._sample()
        return app_columns([*self.history.points(since), Point(sample, sample)])

    def columns(self, since: float, numbers: Numbers, now: float) -> Columns:
        """Return what came after ``since``, of the last six hours, as columns.

        The last row is made of ``numbers``, those of now, and in no history.
        """
        sample = sum_of(numbers, now)
        return columns([*self.history.points(since), Point(sample, sample)])


def _log_text(judgement: Judgement) -> str:
    texts = [one.text for one in judgement.evidence if one.verdict == judgement.name][:_TOLD]
    beside = (
        f" Also switched on, and uses more memory over time: {', '.join(judgement.beside)}." if judgement.beside else ""
    )
    return f": {'; '.join(texts)}. {judgement.advice}{beside}" if texts else "." + beside
