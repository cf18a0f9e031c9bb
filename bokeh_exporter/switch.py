"""One state machine for starting and stopping, whatever the order and the thread.

``uninstall()`` may come while the endpoint opens in the loop's thread, from a log handler of the user's within that, or
twice at once. Steps of starting and the end exclude each other by one lock, and each step looks first whether it is
over. Who comes second waits for the first, but not without end: a step that hangs, or that turned it off itself, sees
to the end as soon as it is done. Rejected: a flag alone, which left an endpoint open.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

#: Seconds that the end waits for a step in another thread: opening takes milliseconds, a slow import some seconds.
PATIENCE = 15.0


class Switch:
    """Off for good once it was turned off.

    Args:
        end: takes back whatever the steps have done; called again only if it was interrupted.
    """

    def __init__(self, end: Callable[[], None], patience: float = PATIENCE) -> None:
        self._end, self._patience = end, patience
        self._turning = threading.RLock()
        self._ending = self._ended = False
        #: The thread that is within a step.
        self._stepping: int | None = None
        #: Whether somebody has turned it off, or is about to have.
        self.off = False

    def during(self, step: Callable[[], None]) -> None:
        """Do a step of starting, unless it is off; if it was turned off meanwhile, see to the end."""
        with self._turning:
            outer, self._stepping = self._stepping, threading.get_ident()
            try:
                if not self.off:
                    step()
            finally:
                self._stepping = outer
        if self.off:
            self.turn_off()

    def turn_off(self) -> None:
        """End, after the step under way. Idempotent; returns when the end has been reached, but within a step."""
        self.off = True
        if self._stepping == threading.get_ident():
            return  # what the step does next must be taken back as well
        if not self._turning.acquire(timeout=self._patience):
            return  # the step that hangs sees that it is off
        try:
            if not self._ended and not self._ending:
                self._ending = True
                try:
                    self._end()
                    self._ended = True
                finally:
                    self._ending = False
        finally:
            self._turning.release()

    def after_fork(self) -> None:
        """In a forked child: a thread that is gone may have held the lock."""
        self._turning, self._stepping, self._ending = threading.RLock(), None, False
