"""What threads take from a queue at once: each entry goes to one of them, and none is lost."""

from __future__ import annotations

import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from bokeh_exporter.state.queue import taken


def test_two_that_take_at_once_share_what_there_is() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(2) as pool:
            for _ in range(50):
                queue = deque(range(20_000))
                found = [*pool.map(taken, (queue, queue))]
                assert sorted([*found[0], *found[1], *queue]) == list(range(20_000))
    finally:
        sys.setswitchinterval(interval)
