"""The deep capture: tracemalloc for a bounded time, to name the lines that grew and settle whose memory it is.

tracemalloc makes allocations 9 to 40 times slower, so it runs only when asked for or when a verdict
calls for it, never longer than said, and never when the host traces already. Memory that grows while the traced
bytes grow with it is Python's own (buffers of numpy and arrays too, which Python's allocator
domains report); memory that grows while they stay flat is native.

An array is allocated by a line of numpy's; what helps is the line of the app that asked for it. So some
frames of each allocation are kept, and it counts for the innermost line that is no library's.
"""

from __future__ import annotations

import dataclasses
import threading
import time
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from ...state.python_paths import LIBRARIES, OURS

#: Seconds that a capture may take: the app is slower meanwhile.
LONGEST = 600.0
#: Lines that are reported.
LINES = 10
#: Frames that are kept of an allocation, and a line of the app is looked for in. Five cost little more than one, which
#: makes an allocation some 20 times slower; ten cost four times that.
_FRAMES = 5
#: Bytes that memory or traces must grow by to say anything; warm caches and the tracing itself are less.
_LEAST = 2 * 2**20
#: The part of the growth in memory that must be traced to call it Python's.
_SHARE = 0.5
#: Bytes of malloc's own for each trace, which tracemalloc does not count: two blocks of 16, and half the table's rest.
_PER_TRACE = 48
#: One capture at a time: tracemalloc is one for the process.
_running = threading.Lock()

#: Folders of installed packages in any environment.
_INSTALLED = frozenset({"site-packages", "dist-packages"})


class CaptureBusyError(BlockingIOError):
    """Somebody traces already; one line."""


@dataclass(frozen=True)
class AllocatingLine:
    """A line of code and what it allocated, itself or in a library, that was still there at the end of the capture.

    Attributes:
        via: the line of the library that allocated, if it is not the app's own; such as numpy's.
    """

    file: str
    line: int
    bytes: int
    blocks: int
    via: str | None = None


@dataclass(frozen=True)
class Captured:
    """What a capture found. Bytes and seconds.

    Attributes:
        lines: the lines that grew most, the most first.
        traced_growth: what Python allocated meanwhile and kept.
        rss_growth: what the process grew by, without what the tracing itself took.
        of: whose memory grew: ``buffers`` that Python owns, ``native``, or None if too little grew to say.
        cost_bytes: what the tracing itself took.
        pause_seconds: what reading the traces took at the end, most of it with the interpreter lock held.
    """

    seconds: float
    lines: tuple[AllocatingLine, ...]
    traced_growth: int
    rss_growth: int
    of: Literal["buffers", "native"] | None
    cost_bytes: int
    pause_seconds: float

    def content(self) -> dict[str, object]:
        """Return it as ``POST /debug/capture`` does."""
        return {
            "seconds": round(self.seconds, 3),
            "lines": [dataclasses.asdict(line) for line in self.lines],
            "traced_growth_bytes": self.traced_growth,
            "rss_growth_bytes": self.rss_growth,
            "of": self.of,
            "cost_bytes": self.cost_bytes,
            "pause_seconds": round(self.pause_seconds, 3),
        }

    def text(self) -> str:
        """Say it, a line each."""
        judged = {
            "buffers": "Python owns the growth",
            "native": "native code owns the growth, Python does not see it",
            None: "too little growth to say whose it is",
        }[self.of]
        head = (
            f"in {self.seconds:.0f} s of tracing, traced memory grew by {_bytes(self.traced_growth)} and the "
            f"process by {_bytes(self.rss_growth)}: {judged}. The capture took {_bytes(self.cost_bytes)} and "
            f"{self.pause_seconds:.1f} s to read, and made allocations slower while it ran"
        )
        return "\n".join(
            [
                head,
                *(
                    f"  {line.file}:{line.line} +{_bytes(line.bytes)} in {line.blocks} blocks"
                    + (f", via {line.via}" if line.via else "")
                    for line in self.lines
                ),
            ]
        )


class Capture:
    """One capture.

    Args:
        seconds: how long it traces.
        rss: reads the resident bytes of the process.
    """

    def __init__(self, seconds: float, rss: Callable[[], int] | None = None) -> None:
        self._seconds = seconds
        self._rss = rss or resident
        self._stop = threading.Event()

    def stop(self) -> None:
        """End it early, from any thread."""
        self._stop.set()

    def run(self) -> Captured:
        """Trace, wait and compare; not on an event loop.

        Raises:
            CaptureBusyError: a capture is under way, or the host traces for itself.
        """
        if not _running.acquire(blocking=False):
            raise CaptureBusyError("a capture is running: wait until it is done")
        try:
            if tracemalloc.is_tracing():
                raise CaptureBusyError("this process already uses tracemalloc: a capture would disturb it")
            before = self._rss()  # not while it traces: the first time imports psutil
            tracemalloc.start(_FRAMES)
            try:
                return self._trace(before)
            finally:
                tracemalloc.stop()
        finally:
            _running.release()

    def _trace(self, before: int) -> Captured:
        begun = time.monotonic()
        self._stop.wait(self._seconds)
        seconds, resident = time.monotonic() - begun, self._rss() - before
        traced, _ = tracemalloc.get_traced_memory()
        cost = tracemalloc.get_tracemalloc_memory()
        begun = time.monotonic()
        snapshot = tracemalloc.take_snapshot()
        pause = time.monotonic() - begun
        tracemalloc.stop()  # before what takes long in Python: the app is slower until then
        cost += len(snapshot.traces) * _PER_TRACE
        # Its tables have grown by doubling, so what it says is too little: see what goes with it.
        growth = min(resident - cost, self._rss() - before)
        return Captured(seconds, _lines(snapshot), traced, growth, verdict(traced, growth), cost, pause)


def study(
    seconds: float, begins: Callable[[Capture], None]
) -> Callable[[Mapping[str, list[str]]], tuple[Mapping[str, object], str]]:
    """Return ``POST /debug/capture``: ``?seconds=`` says how long, otherwise it is as given.

    Whoever may have to end a capture early hears of each before it begins.

    The study raises ``ValueError`` where that is no number of seconds, ``CaptureBusyError`` where one runs.
    """

    def run(query: Mapping[str, list[str]]) -> tuple[Mapping[str, object], str]:
        given = query.get("seconds", [""])[-1]
        try:
            wanted = float(given) if given else seconds
        except ValueError:
            wanted = 0.0
        if not 0 < wanted <= LONGEST:
            raise ValueError(f"seconds={given[:20]!r} cannot be used: give a number of seconds up to {LONGEST:.0f}")
        capture = Capture(wanted)
        begins(capture)
        captured = capture.run()
        return captured.content(), captured.text()

    return run


def verdict(traced: int, resident: int) -> Literal["buffers", "native"] | None:
    """Say whose memory grew, from what was traced and what the process grew by, in bytes."""
    if resident < _LEAST:
        return None  # what was traced took the place of what had been there before the capture
    return "buffers" if traced >= _SHARE * resident else "native"


def _lines(snapshot: tracemalloc.Snapshot) -> tuple[AllocatingLine, ...]:
    # Nothing was traced before the start, so what is there now has come since: one snapshot, nothing to compare with.
    snapshot = snapshot.filter_traces(
        (tracemalloc.Filter(False, tracemalloc.__file__), *(tracemalloc.Filter(False, f"{each}*") for each in OURS))
    )
    found: dict[tuple[str, int], AllocatingLine] = {}
    for statistic in snapshot.statistics("traceback"):  # the largest first, so ``via`` is the largest's
        inner = statistic.traceback[-1]
        asked = next((frame for frame in reversed(statistic.traceback) if is_of_app(frame.filename)), inner)
        place = (asked.filename, asked.lineno)
        via = None if asked is inner else f"{inner.filename}:{inner.lineno}"
        line = found.get(place) or AllocatingLine(*place, 0, 0, via)
        found[place] = dataclasses.replace(
            line, bytes=line.bytes + statistic.size, blocks=line.blocks + statistic.count
        )
    return tuple(sorted(found.values(), key=lambda line: -line.bytes)[:LINES])


def is_of_app(file: str) -> bool:
    """Whether a file is no library's and not ours."""
    path = file.replace("\\", "/")
    if path.startswith(("<frozen", "<__array", *LIBRARIES, *OURS)):
        return False
    # Also where `pip install --target` or another environment has put it.
    return _INSTALLED.isdisjoint(path.split("/"))


def resident() -> int:
    """Read the resident bytes of this process."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def _bytes(number: int) -> str:
    return f"{number / 2**20:.1f} MB"
