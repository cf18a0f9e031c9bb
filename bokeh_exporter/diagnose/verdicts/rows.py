"""The few numbers of a sample that a slow trend needs, taken at one moment and kept together.

Floors that are taken number by number forget how many sessions were open at them, and then a day's tide cannot be
separated from growth. So each bucket of the history keeps these rows whole, one a minute: 1,440 of them are 130 kB.
The alternative, whole samples of a day, takes 7 MB with twenty apps.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .samples import Sample
from .series import live, resident, total

if TYPE_CHECKING:
    from .history import Point

#: ``there`` is what takes memory as a session: open, or destroyed and not yet collected.
COLUMNS = ("time", "there", "live", "created", "destroyed", "blocks", "heap", "resident", "gc_full", "limit", "used")
WIDTH = len(COLUMNS)
TIME, THERE, LIVE, CREATED, DESTROYED, BLOCKS, HEAP, RESIDENT, GC_FULL, LIMIT, USED = range(WIDTH)
#: Seconds between two rows that are kept, once they are older than the newest minutes.
MINUTE = 60.0

Table = Any  # numpy.ndarray of rows; its own generic types differ between the versions that we support


def row_of(sample: Sample) -> array[float]:
    """Return the row of a sample; what is missing is NaN."""
    process = sample.process
    open_now = live(sample)
    still = total(sample, "pending_sessions") + total(sample, "retained_sessions")
    used = None if process.cgroup_usage is None else process.cgroup_usage - (process.cgroup_inactive or 0)
    numbers = (
        process.time, open_now + still, open_now, total(sample, "created"), total(sample, "destroyed"),
        process.blocks, process.heap, resident(process), process.gc_full, process.cgroup_limit, used,
    )  # fmt: skip
    return array("d", (math.nan if number is None else number for number in numbers))


def joined(older: array[float], newer: array[float]) -> array[float]:
    """Return the rows of two neighbours; of two in one minute the one with fewer sessions, then fewer blocks, stays."""
    if older[-WIDTH] // MINUTE != newer[0] // MINUTE:
        return older + newer
    last, first = older[-WIDTH:], newer[:WIDTH]
    kept = last if (last[THERE], last[BLOCKS]) < (first[THERE], first[BLOCKS]) else first
    return older[:-WIDTH] + kept + newer[WIDTH:]


def table(points: Sequence[Point]) -> Table:
    """Return all rows of a history, the oldest first, from the last start of the process on."""
    data = b"".join((point.rows or row_of(point.last)).tobytes() for point in points)
    rows = np.frombuffer(data, dtype=float).reshape(-1, WIDTH)
    # Counters that fall belong to another process: what was before it says nothing about this one.
    falls: Table = np.flatnonzero(np.diff(rows[:, DESTROYED]) < 0)
    return rows[falls[-1] + 1 :] if len(falls) else rows
