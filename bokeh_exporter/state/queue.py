"""What the hot path hands over, and how it becomes numbers: in batches, off the hot path.

An entry is ``(update, value, interaction)``: what to call with the value (a child's ``inc`` or
``observe``, or a :class:`Tally`), the value, and the number of the interaction it belongs to, 0 for
none. A batch holds many entries of few children, so each child is touched once for all of its entries.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from prometheus_client import Counter

from .events import EventHistogram

#: What to call, with what, and the number of the interaction that it belongs to.
Entry = tuple[Callable[[float], None], float, int]


An = TypeVar("An")


def taken(queue: deque[An]) -> list[An]:
    """Take what is in a queue now. A scrape and the watcher may do it at once: each entry goes to one of them."""
    found: list[An] = []
    for _ in range(len(queue)):
        try:
            found.append(queue.popleft())
        except IndexError:  # the other was faster; what this one has is not lost
            break
    return found


class Tally:
    """One entry for two counters: how many there were, and what they add up to."""

    __slots__ = ("count", "total")

    def __init__(self, count: Counter, total: Counter) -> None:
        self.count = count
        self.total = total

    def __call__(self, value: float) -> None:
        """Count one."""
        self.add([value])

    def add(self, values: Sequence[float]) -> None:
        """Count many."""
        self.count.inc(len(values))
        self.total.inc(sum(values))


def apply(batch: Iterable[Entry], failed: Callable[[Exception], None]) -> None:
    """Apply a batch. A failure is reported and costs no other entry its number."""
    grouped: dict[Callable[[float], None], list[float]] = defaultdict(list)
    for update, value, _interaction in batch:
        grouped[update].append(value)
    for update, values in grouped.items():
        try:
            _apply(update, values)
        except Exception as error:
            failed(error)


def _apply(update: Callable[[float], None], values: list[float]) -> None:
    owner = getattr(update, "__self__", None)
    if isinstance(update, Tally):
        update.add(values)
    elif isinstance(owner, EventHistogram):
        owner.observe_all(values)
    elif isinstance(owner, Counter):
        update(sum(values))
    else:
        for value in values:
            update(value)
