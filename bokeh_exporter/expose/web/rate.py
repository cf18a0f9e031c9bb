"""How often the endpoint may be asked: a bucket of tokens, as exporter-toolkit has it."""

from __future__ import annotations

import time
from collections.abc import Callable


class RateLimit:
    """One request each ``interval`` seconds, and ``burst`` at once after a pause. From one thread."""

    def __init__(self, interval: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval, self._burst, self._clock = interval, burst, clock
        self._left, self._since = float(burst), clock()

    def wait(self) -> float:
        """Take one request; return for how many seconds there is none to take, 0 where there was one."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._since) / self._interval)
        self._since = now
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) * self._interval
