"""The wall clock against the monotonic one: says when it was set, or when the machine has slept.

All that is periodic here runs on the monotonic clock. The wall clock is only what times are written down in, so a jump
of it harms nothing of ours; but whoever reads a log or a graph has to know of it. Looked at by the watcher.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

log = logging.getLogger("bokeh_exporter")

#: Seconds: what NTP corrects at once is less, what somebody sets is more.
JUMP = 5.0


class WallClock:
    """Logs jumps of the wall clock.

    Args:
        wall: Unix time in seconds.
        monotonic: seconds that no one sets. On Linux they stop while the machine sleeps.
    """

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._offset = wall() - monotonic()

    def look(self) -> None:
        """Compare the two, and log a jump once."""
        offset = self._wall() - self._monotonic()
        jump, self._offset = offset - self._offset, offset
        if jump >= JUMP:
            log.warning("the wall clock went forward by %.0f s: it was set, or the machine slept", jump)
        elif jump <= -JUMP:
            log.warning(
                "the wall clock was set back by %.0f s: samples go on, and times in logs and graphs overlap", -jump
            )
