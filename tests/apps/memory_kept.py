"""What outlives the sessions of ``memory_bokeh``: not an app itself."""

import threading
from typing import Any

import numpy as np

BUFFERS: list[bytearray] = []
PIECES: list[Any] = []
OBJECTS: list[object] = []
#: In the sources of every session.
SHARED = np.ones(100_000)

_lock = threading.Lock()
_waiting = 0


def met(number: int) -> bool:
    """Whether this many threads have come here; each asks until it is so, and comes once."""
    global _waiting
    if not getattr(_came, "yes", False):
        _came.yes = True
        with _lock:
            _waiting += 1
    return _waiting >= number


_came = threading.local()
