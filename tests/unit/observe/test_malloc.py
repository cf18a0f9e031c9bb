"""Resident bytes of glibc's heaps, from recorded smaps files and from this very process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bokeh_exporter.observe.memory import malloc

from .trees import plant

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")


def mapping(header: str, rss: int, flags: str | None = "rd wr mr mw me ac") -> str:
    """Return one mapping as Linux 6 prints it, less lines that nobody reads; sizes in kB."""
    lines = [header, "Size:              99999 kB", f"Rss:               {rss:5} kB", f"Pss:               {rss:5} kB"]
    lines += ["Pss_Anon:              0 kB", "Swap:              777 kB", "THPeligible:           0"]
    return "\n".join([*lines, *([f"VmFlags: {flags} "] if flags is not None else [])]) + "\n"


RESERVED = "rd wr mr mw me nr"
HEAP = mapping("55d210c34000-55d210dc3000 rw-p 00000000 00:00 0                          [heap]", 1544)
#: An arena that is used in part, one that is used up, and what must not be taken for one.
ARENA = mapping("7f5f7c000000-7f5f7dfed000 rw-p 00000000 00:00 0 ", 32692, RESERVED)
ARENA_REST = mapping("7f5f7dfed000-7f5f80000000 ---p 00000000 00:00 0 ", 0, "mr mw me nr")
FULL = mapping("7f5f84000000-7f5f88000000 rw-p 00000000 00:00 0 ", 65536, RESERVED)
ARRAY = mapping("7f5f90000000-7f5fa0000000 rw-p 00000000 00:00 0 ", 262144)
FILE = mapping("7f5fa4000000-7f5fa4100000 rw-p 00002000 fe:01 1234                       /usr/lib/libc.so.6", 64)
SHARED = mapping("7f5fa8000000-7f5fa8100000 rw-s 00000000 00:05 99                         /dev/shm/x (deleted)", 128)
STACK = mapping("7ffc70000000-7ffc70021000 rw-p 00000000 00:00 0                          [stack]", 120)
CODE = mapping("55d210a00000-55d210c34000 r-xp 00000000 fe:01 42                         /usr/bin/python3", 2048)


def read(*mappings: str) -> int | None:
    return malloc.resident_in("".join(mappings).encode().splitlines(keepends=True))


@pytest.mark.parametrize(
    ("mappings", "kilobytes"),
    [
        ((HEAP,), 1544),
        ((CODE, HEAP, HEAP, STACK), 2 * 1544),  # the heap around a mapping that somebody put into it
        ((HEAP, ARENA, ARENA_REST, FULL), 1544 + 32692 + 65536),
        ((HEAP, ARRAY, FILE, SHARED, STACK), 1544),
        ((CODE, STACK), 0),
    ],
)
def test_recorded_mappings(mappings: tuple[str, ...], kilobytes: int) -> None:
    assert read(*mappings) == kilobytes * 1024


def test_a_system_that_never_overcommits_sets_no_flag_and_the_neighbour_tells() -> None:
    arena = ARENA.replace(RESERVED, "rd wr mr mw me ac")
    assert read(HEAP, arena, ARENA_REST) == (1544 + 32692) * 1024
    assert read(HEAP, arena, ARRAY) == 1544 * 1024
    elsewhere = ARENA_REST.replace("7f5f7dfed000-", "7f5f7e000000-")
    assert read(HEAP, arena, elsewhere) == 1544 * 1024


def test_a_named_arena() -> None:
    named = ARENA.replace("00:00 0 ", "00:00 0                          [anon: glibc: malloc arena]", 1)
    other = ARENA.replace("00:00 0 ", "00:00 0                          [anon:.bss]", 1)
    assert read(named, ARENA_REST) == 32692 * 1024
    assert read(other, ARENA_REST) == 0


def test_nothing_to_read(tmp_path: Path) -> None:
    assert read() is None
    assert read("no mapping at all\n") is None
    assert malloc.resident(tmp_path) is None


@linux
def test_from_a_file(tmp_path: Path) -> None:
    plant(tmp_path, {"self/smaps": HEAP + ARENA + ARENA_REST})
    assert malloc.resident(tmp_path) == (1544 + 32692) * 1024


@linux
def test_what_a_thread_allocates_is_in_use_and_resident_and_freed_only_in_use_falls() -> None:
    program = """
import ctypes, threading
from pathlib import Path
from bokeh_exporter.observe.memory import malloc
proc = Path("/proc")
kept, pieces = [], []
def work():
    pieces.extend(bytearray(12_000) for _ in range(10_000))  # of an arena of the thread's own
    kept.append(bytes(600))
def now():
    return malloc.allocated()["in_use"] / 1e6, malloc.resident(proc) / 1e6
used, resident = now()
thread = threading.Thread(target=work); thread.start(); thread.join()
full = now()
assert 119 < full[0] - used < 125, (used, full)
assert 115 < full[1] - resident < 130, (resident, full)
del pieces[::2]
half = now()
assert 58 < full[0] - half[0] < 63, (full, half)
assert full[1] - half[1] < 5, (full, half)
assert malloc.trim()
trimmed = now()
assert abs(trimmed[0] - half[0]) < 1 and half[1] - trimmed[1] > 35, (half, trimmed)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
