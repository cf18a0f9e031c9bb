"""Draining: the process takes no new visitors, waits for those it has, and then ends the host's own way.

Begun by SIGTERM where a deadline is configured, by ``POST /debug/drain``, or by memory over a share of
the container's limit (recycling). Readiness turns false, so that a load balancer that honours it sends
nobody new; nothing is cut off before the deadline. Looked at four times a second by the watcher's
thread: it works while the event loop is blocked, and needs no thread of its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Literal

from ..config import Config
from ..state import State

log = logging.getLogger("bokeh_exporter")

Reason = Literal["sigterm", "endpoint", "memory"]

#: Seconds that a drain may take where no deadline is configured.
DEADLINE = 300.0
#: Looks in a row over the share before the process is recycled: a peak that passes is no reason.
_MEMORY_LOOKS = 10
#: Seconds between two lines of the log while somebody is waited for.
_LOG_EVERY = 30.0
_WHY: dict[Reason, str] = {
    "sigterm": "SIGTERM came",
    "endpoint": "the drain endpoint was called",
    "memory": "memory is over the configured share of the limit",
}


class Drain:
    """One drain of one process; it ends with the process.

    Args:
        state: counts the drains.
        config: its ``drain_seconds``, ``recycle_at``, and ``sample_period`` for looks at memory.
        visitors: counts the sessions that have a browser or wait for one.
        memory_share: the share of the limit in use without page cache, None where there is no limit.
        end: ends the process as SIGTERM does.
    """

    def __init__(
        self, state: State, config: Config, *, visitors: Callable[[], int],
        memory_share: Callable[[], float | None], end: Callable[[], None],
    ) -> None:  # fmt: skip
        self._numbers, self._seconds, self._recycle_at = state, config.drain_seconds, config.recycle_at
        self._period = config.sample_period
        self._visitors, self._memory_share, self._end = visitors, memory_share, end
        self._asked: Reason | None = None
        self._begun: float | None = None
        self._deadline = 0.0
        self._left = 0
        self._logged = 0.0
        self._over = 0
        self._looked = time.monotonic()
        #: Whether SIGTERM goes through now: the wait is over.
        self._ended = False

    def holds(self) -> bool:
        """Say whether to hold a SIGTERM back; a second one is never held. Safe in a signal's handler."""
        if self._seconds is None or self._ended or self._asked is not None:
            self._ended = True
            return False
        self._asked = "sigterm"
        return True

    def ask(self) -> None:
        """Begin, on somebody's word. Harmless to repeat."""
        if self._asked is None:
            self._asked = "endpoint"

    def begin(self) -> str:
        """Begin, and answer who asked for it."""
        self.ask()
        return f"draining; the server ends in {self.seconds_left():.0f} s at the latest"

    def reason(self) -> str | None:
        """Say why the process takes no visitors, None if it does."""
        if self._asked is None:
            return None
        return f"draining, {_WHY[self._asked]}: {_sessions(self._left)} left, at most {self.seconds_left():.0f} s to go"

    def not_ready(self, apps: int, wants_loop: bool, loop_runs: bool) -> str | None:
        """Say why the process should get no visitors, None if it should.

        Args:
            apps: how many applications there are.
            wants_loop: whether one of them has been given a loop. Hosts without a load hook run nothing before their
                first session; they are taken to be ready.
            loop_runs: whether a loop has been seen running.
        """
        if self.on:
            return self.reason()
        if not apps:
            return "this process has no Bokeh server yet"
        if wants_loop and not loop_runs:
            return "the server's event loop is not running"
        return None

    def seconds_left(self) -> float:
        """Return the seconds until the deadline."""
        deadline = self._deadline if self._begun is not None else time.monotonic() + (self._seconds or DEADLINE)
        return max(0.0, deadline - time.monotonic())

    @property
    def on(self) -> bool:
        """Whether it has been begun."""
        return self._asked is not None

    def look(self) -> None:
        """Go on: called several times a second."""
        if self._ended:
            return
        now = time.monotonic()
        if self._asked is None:
            self._watch_memory(now)
        if self._asked is None:
            return
        self._left = self._visitors()
        if self._begun is None:
            self._begin(self._asked, now)
        if self._left and now < self._deadline:
            if now - self._logged >= _LOG_EVERY:
                self._logged = now
                log.info("draining: %s left, %.0f s to the deadline", _sessions(self._left), self._deadline - now)
            return
        log.warning(
            "drained after %.1f s, %s; the server ends now",
            now - (self._begun or now),
            f"{_sessions(self._left)} cut off at the deadline" if self._left else "no session is left",
        )
        self._ended = True
        self._end()

    def _begin(self, reason: Reason, now: float) -> None:
        self._begun = self._logged = now
        self._deadline = now + (self._seconds or DEADLINE)
        self._numbers.counter("bokeh_server_drains_total", reason).inc()
        log.warning(
            "draining, since %s: not ready for new visitors, %s left, with up to %.0f s to end",
            _WHY[reason], _sessions(self._left), self._deadline - now,
        )  # fmt: skip

    def _watch_memory(self, now: float) -> None:
        if self._recycle_at is None or now - self._looked < self._period:
            return
        self._looked = now
        share = self._memory_share()
        self._over = self._over + 1 if share is not None and share >= self._recycle_at else 0
        if self._over >= _MEMORY_LOOKS:
            self._asked = "memory"


def _sessions(number: int) -> str:
    return f"{number} session{'' if number == 1 else 's'}"
