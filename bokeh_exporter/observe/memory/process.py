"""Memory of the process, read when somebody scrapes: resident by kind, the C allocator's, Python's blocks.

One read of ``/proc/self/status`` gives all three kinds (about 40 us; it needs no lock and no loop).
``smaps_rollup`` would be exact to the page, but walks the page tables under the lock that page
faults want; ``statm`` does not separate files from shared memory. Where there is no such file (macOS,
Windows) or it does not separate the kinds (gVisor), psutil gives the sum, which is called ``anon``.
The allocator's resident part is read from ``smaps``, which costs 10 to 30 ms in a large process: at most
once a minute.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

from ...state import Level
from ..frame import Frame, Observer
from . import malloc

PROC = Path("/proc")

#: Line of the status file -> value of the label ``kind``.
KINDS: Mapping[bytes, str] = {b"RssAnon": "anon", b"RssFile": "file", b"RssShmem": "shmem"}


#: Seconds for which a reading of ``smaps`` is served.
KEPT = 60.0


class ResidentMemory(Observer):
    """Resident memory by kind, the allocator's split of it, Python's blocks."""

    name: ClassVar[str] = "memory"

    def __init__(self, frame: Frame, proc: Path = PROC) -> None:
        super().__init__(frame)
        self._proc = proc
        self._guard = threading.Lock()
        self._malloc_resident: int | None = None
        self._read_at = float("-inf")
        self.state.memory.read = self.split

    def collect(self) -> Iterable[Level]:
        """Read the process, in the thread that answers the scrape."""
        for kind, size in resident(self._proc).items():
            yield Level("bokeh_memory_rss_bytes", size, (kind,))
        for state, size in malloc.allocated().items():
            yield Level("bokeh_memory_malloc_bytes", size, (state,))
        heaps = self._heaps(fresh=False)
        if heaps is not None:
            yield Level("bokeh_memory_malloc_resident_bytes", heaps)
        blocks = python_blocks()
        if blocks is not None:
            yield Level("bokeh_python_allocated_blocks", blocks)

    def split(self, fresh: bool = False) -> dict[str, float]:
        """Return the current values by name; see ``state.Memory.split``."""
        kinds = resident(self._proc)
        found: dict[str, float | None] = {f"rss_{kind}": size for kind, size in kinds.items()}
        found["rss"] = sum(kinds.values()) if kinds else None
        found.update({f"malloc_{state}": size for state, size in malloc.allocated().items()})
        heaps = found["malloc_resident"] = self._heaps(fresh)
        in_use = found.get("malloc_in_use")
        if heaps is not None and in_use is not None:
            found["malloc_fragmented"] = max(0.0, heaps - in_use)
        found["python_blocks"] = python_blocks()
        return {name: value for name, value in found.items() if value is not None}

    def _heaps(self, fresh: bool) -> int | None:
        with self._guard:  # several scrapes at once read it once
            if fresh or time.monotonic() - self._read_at > KEPT:
                self._malloc_resident = malloc.resident(self._proc)
                self._read_at = time.monotonic()
            return self._malloc_resident


def python_blocks() -> int | None:
    """Return the blocks of Python's allocator in use, None where it counts none (``PYTHONMALLOC=malloc``, PyPy)."""
    count = getattr(sys, "getallocatedblocks", None)
    return (count() or None) if count is not None else None


def resident(proc: Path = PROC) -> dict[str, int]:
    """Return the resident bytes of this process by kind; unavailable kinds are left out."""
    kinds = resident_by_kind(proc)
    if kinds:
        return kinds
    total = resident_total()
    return {} if total is None else {"anon": total}


def resident_by_kind(proc: Path) -> dict[str, int]:
    """Return what the kernel reports about this process, in bytes; empty if it reports nothing."""
    try:
        # Bytes, since the first line is the name of the program in whatever encoding.
        status = (proc / "self" / "status").read_bytes()
    except OSError:
        return {}
    kinds: dict[str, int] = {}
    for line in status.split(b"\n"):
        key, _, rest = line.partition(b":")
        if key in KINDS:
            match rest.split():
                case [size, b"kB"] if size.isdigit():
                    kinds[KINDS[key]] = int(size) * 1024  # the kernel's kB are 1024 bytes
    return kinds


def resident_total() -> int | None:
    """Return the resident bytes of this process as psutil sees them, None where it cannot."""
    try:
        import psutil  # here and not above: Linux never needs it

        return int(psutil.Process().memory_info().rss)
    except Exception:  # psutil's own errors, the platform's, no psutil: the number is absent all the same
        return None
