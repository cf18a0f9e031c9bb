"""Resident memory of the process, by kind, read when somebody scrapes.

One read of ``/proc/self/status`` gives all three kinds (about 40 us; it needs no lock and no loop).
``smaps_rollup`` would be exact to the page, but walks the page tables under the lock that page
faults want; ``statm`` cannot tell files from shared memory. Where there is no such file (macOS,
Windows) or it does not tell the kinds apart (gVisor), psutil gives the sum, which is called ``anon``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

from ..state import Level
from .frame import Frame, Observer

PROC = Path("/proc")

#: Line of the status file -> value of the label ``kind``.
KINDS: Mapping[bytes, str] = {b"RssAnon": "anon", b"RssFile": "file", b"RssShmem": "shmem"}


class Memory(Observer):
    """Resident memory by kind."""

    name: ClassVar[str] = "memory"

    def __init__(self, frame: Frame, proc: Path = PROC) -> None:
        super().__init__(frame)
        self._proc = proc

    def collect(self) -> Iterable[Level]:
        """Read the process, in the thread that answers the scrape."""
        for kind, size in resident(self._proc).items():
            yield Level("bokeh_memory_rss_bytes", size, (kind,))


def resident(proc: Path = PROC) -> dict[str, int]:
    """Return the resident bytes of this process by kind; kinds that cannot be had are left out."""
    kinds = resident_by_kind(proc)
    if kinds:
        return kinds
    total = resident_total()
    return {} if total is None else {"anon": total}


def resident_by_kind(proc: Path) -> dict[str, int]:
    """Return what the kernel tells about this process, in bytes; empty where it tells nothing."""
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
