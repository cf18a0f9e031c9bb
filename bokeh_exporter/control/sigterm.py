"""SIGTERM on its way into the host's own handler: held back while the process drains, and sent again at the end.

A handler of ours could not hold the signal back: asyncio's comes by a pipe, uvicorn's is set again each time. So the
host's own method is wrapped (event ``terminating``). Hosts that have none end as they always did.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable


class SigTerm:
    """Answers the event ``terminating``.

    Attributes:
        holds: called in the signal's handler, so it must not take a lock, log or wait. True holds the signal back.
    """

    def __init__(self) -> None:
        self.holds: Callable[[], bool] = lambda: False

    def hold_back(self, held: bool) -> bool:
        """Say whether the signal is held back."""
        return held or self.holds()


def end() -> None:
    """End this process as SIGTERM does."""
    os.kill(os.getpid(), signal.SIGTERM)
