"""The C library's allocator: what it has allocated, what it keeps, and how much of that is resident.

Only glibc reports it (``mallinfo2``, from 2.33 on), and only while it is the process's allocator: with
jemalloc or tcmalloc preloaded its functions are there but know nothing. ``fordblks`` says how much is
free, not whether it is resident: after a trim it stays. Resident is what ``/proc/self/smaps`` says of
``[heap]`` and of the arenas, heaps of 64 MiB at multiples of 64 MiB.
"""

from __future__ import annotations

import ctypes
import functools
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

#: Where glibc puts an arena's heaps, and how much address space each takes (``HEAP_MAX_SIZE``).
HEAP = 64 << 20

_OTHER_ALLOCATORS = ("jemalloc", "tcmalloc", "mimalloc", "snmalloc", "hoard", "scudo", "rpmalloc")
_MAPPING = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+)\s*(.*)")
_SIZES = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class _Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in _SIZES]


class _Location(ctypes.Structure):
    _fields_ = [
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    ]


@functools.cache
def library() -> Any | str:
    """Return the C library if it is glibc and the allocator is its own, else a word on why it is not."""
    if not sys.platform.startswith("linux"):
        return f"{sys.platform} has no malloc_trim: it is glibc's, on Linux"
    try:
        loaded = ctypes.CDLL(None)
        if not hasattr(loaded, "gnu_get_libc_version"):
            return "the C library is not glibc (musl, as in Alpine?), and only glibc has malloc_trim"
        location = _Location()
        address = ctypes.cast(loaded.malloc, ctypes.c_void_p)
        found = loaded.dladdr(address, ctypes.byref(location))
    except (OSError, AttributeError) as error:
        return f"the C library cannot be asked: {error}"
    file = (location.file or b"").decode(errors="replace").rpartition("/")[2] if found else ""
    other = next((name for name in _OTHER_ALLOCATORS if name in file), None)
    return loaded if other is None else f"{other} is the allocator of this process, and only glibc's can be trimmed"


def unsupported() -> str | None:
    """Say why the allocator cannot be asked here; None where it can."""
    loaded = library()
    return loaded if isinstance(loaded, str) else None


def allocated() -> Mapping[str, int]:
    """Return bytes in use, free and in mappings of their own; empty without glibc 2.33. Up to 0.2 ms."""
    loaded = library()
    if isinstance(loaded, str) or not hasattr(loaded, "mallinfo2"):
        return {}
    call = loaded["mallinfo2"]  # a function object of our own, whose type nobody else sets
    call.restype = _Mallinfo2
    info = call()
    return {"in_use": info.uordblks, "free": info.fordblks, "mmapped": info.hblkhd}


def trim() -> bool:
    """Give free memory back to the system; False where that cannot be done. Other threads' allocations may wait."""
    loaded = library()
    if isinstance(loaded, str):
        return False
    call = loaded["malloc_trim"]
    call.argtypes = [ctypes.c_size_t]
    call(0)
    return True


def resident(proc: Path) -> int | None:
    """Return the resident bytes of glibc's heaps, None if unknown. 1 ms for every 1,000 mappings."""
    if isinstance(library(), str):
        return None
    try:
        with (proc / "self" / "smaps").open("rb") as lines:
            return resident_in(lines)
    except OSError:
        return None


def resident_in(lines: Iterable[bytes]) -> int | None:
    """Add up the heaps in the lines of an smaps file; None if it names no mappings (gVisor)."""
    total, seen = 0, False
    end = rss = 0
    kind = ""  # heap: counted; maybe: an arena if the kernel or its neighbour says so
    for line in lines:
        if line[:1] in b"0123456789abcdef":  # the header of the next mapping; what follows begins in upper case
            match = _MAPPING.match(line)
            if match is None:
                continue
            begins, ends = int(match[1], 16), int(match[2], 16)
            if kind == "maybe" and match[3] == b"---p" and begins == end and ends % HEAP == 0:
                total += rss  # the part of the heap that has not been needed yet
            seen, kind, rss = True, _kind(begins, match), 0
            end = ends
        elif kind and line.startswith(b"Rss:"):
            rss = int(line.split()[1]) * 1024
            if kind == "heap":
                total += rss
        elif kind == "maybe" and line.startswith(b"VmFlags:") and b" nr" in line:
            # glibc maps heaps without reserving swap, which sets them apart from other large mappings. Where the
            # system never overcommits it ignores that wish, and the neighbour decides.
            total += rss
            kind = ""
    return total if seen else None


def _kind(start: int, match: re.Match[bytes]) -> str:
    name = match[5].strip()
    if name == b"[heap]":
        return "heap"
    if match[3] == b"rw-p" and match[4] == b"0" and start % HEAP == 0 and (not name or b"malloc arena" in name):
        return "maybe"
    return ""
