"""What is known of the process's memory beside metrics: who gained it, what the last trim returned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from .attribution import Attribution, NoAttribution


@dataclass(frozen=True)
class Trim:
    """What one trim did. Bytes and seconds; ``time`` is ``time.time()`` of its end."""

    supported: bool
    #: What resident memory lost, never below 0.
    released_bytes: int = 0
    #: The collection, which stops the interpreter, and the trim, during which allocations may wait.
    pause_seconds: float = 0.0
    #: Why it is not supported; empty where it is.
    reason: str = ""
    time: float = 0.0
    #: :meth:`Memory.split` before and after: fragmentation is what went without anything being freed.
    before: dict[str, float] | None = None
    after: dict[str, float] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as ``/debug/trim`` answers."""
        return asdict(self)


class Memory:
    """One process's memory, as observers report it and verdicts read it."""

    def __init__(self) -> None:
        #: Set by the observer that measures.
        self.attribution: Attribution = NoAttribution()
        #: The newest trim, None before the first.
        self.last_trim: Trim | None = None
        #: Set by the observer: the current values by name; True for fresh ones where they are cached.
        self.read: Callable[[bool], dict[str, float]] = lambda fresh: {}

    def split(self, fresh: bool = False) -> dict[str, float]:
        """Return the current values by name, in bytes but for the blocks; what is not known here is left out.

        ``rss``, ``rss_anon``, ``rss_file``, ``rss_shmem``, ``malloc_in_use``, ``malloc_free``,
        ``malloc_mmapped``, ``malloc_resident`` (at most a minute old, unless ``fresh``),
        ``malloc_fragmented`` (resident but not in use), ``python_blocks``. Not on a loop: up to 30 ms.
        """
        return self.read(fresh)
