"""Growth outside the sessions, and memory that the allocator keeps: judged where few sessions live.

Floors are compared at the moments at which about as few sessions are open as ever, so that memory which follows
the sessions falls out. Growth of the C allocator's live bytes is growth; that of resident memory alone may be
fragmentation, so free bytes of the allocator are taken off it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from ...thresholds import Thresholds
from .counts import count_grows
from .fields import Process
from .history import Point
from .judgement import FRAGMENTATION, PROCESS, Evidence, GrowthKind
from .series import Growth, amount, at_rest, collected, duration, growth, resident, size, total, windows
from .slow import confirmed

#: Sessions after which imports and first caches are warm.
_WARM = 2
#: Seconds over which a process that nobody visits is judged.
_ALONE = 3600.0
#: Bytes of a Python block, roughly; separates objects from what they own.
_BLOCK_BYTES = 100
#: Multiple of what the objects take, above which the bytes are not theirs.
_NOT_OBJECTS = 4
#: Blocks that a process may grow by while nobody visits.
_BLOCKS_ALONE = 200_000
#: Points that fragmentation must last.
_LASTING = 3
#: Of resident memory, the share that free memory of the allocator must be to matter.
_OF_RSS = 0.2

#: Share of what the allocator keeps that growth must reach to be reported first.
_EXPLAINS = 0.2

#: Steps that are left out, the share that must be there without them, and seconds above which that is asked.
_STEPS, _WITHOUT_STEPS, _MINUTES = 4, 0.35, 1200.0

Number = Callable[[Process], "float | None"]

_BLOCKS = "bokeh_python_allocated_blocks"
#: Exact counts of what should not depend on visits: row, words, number, growth per visit, whether sessions hold many.
_COUNTS: Sequence[tuple[str, str, Number, float, bool]] = (
    ("bokeh_known_models", "model classes", lambda process: process.known_models, 0.5, False),
    ("bokeh_app_modules", "modules of app scripts", lambda process: process.modules, 0.5, True),
    ("bokeh_models_orphaned", "models in no document", lambda process: process.orphaned, 1.0, True),
    ("panel_components", "Panel components", lambda process: process.components, 1.0, True),
)


#: Entries that each visit must leave behind in a shared place, places that are named, and how they are called.
_ENTRY_A_VISIT, _HOLDERS = 0.5, 4
_WATCHERS = "watchers of "
_SHEETS = ("._stylesheets", "._css", ".stylesheets", ".raw_css", ".css_files")

#: Live bytes: row, number.
_BYTES: Sequence[tuple[str, Number]] = (
    ("bokeh_memory_malloc_bytes", lambda process: process.heap),
    ("bokeh_memory_rss_bytes", resident),
)


def process_growth(points: Sequence[Point], thresholds: Thresholds) -> list[Evidence]:
    """Return the evidence for growth of the process, per visit or by itself."""
    warm = [point for point in points if total(point.last, "destroyed") >= _WARM] or list(points)
    clean = collected(warm) if any(point.last.process.gc_full is not None for point in warm) else warm
    sure: dict[str | None, bool] = {}
    for part in windows(clean) if clean else ():
        rest = at_rest(part)
        found = list(_by_visit(rest, clean, thresholds)) or list(_by_itself(rest, thresholds))
        for metric in {one.metric for one in found} - sure.keys():
            sure[metric] = confirmed(points, metric, thresholds)
        found = [one for one in found if sure[one.metric]]
        found += holders(rest, clean, thresholds, certain=bool(found))
        if found:
            return found
    return []


def _by_visit(rest: Sequence[Point], clean: Sequence[Point], thresholds: Thresholds) -> Iterator[Evidence]:
    visits = [total(point.last, "destroyed") for point in rest]

    def grown(number: Number) -> Growth | None:
        found = growth((at, number(point.low.process)) for at, point in zip(visits, rest, strict=True))
        return found if found is not None and found.span >= thresholds.judge_sessions else None

    for row, what, number, least, of_sessions in _COUNTS:
        found = grown(number)
        if found is None or found.slope < least or _is_steps(rest, number):
            continue
        # At rest there may be one session more than before, and it may hold hundreds.
        if not of_sessions or count_grows(clean, [number(point.last.process) for point in clean], thresholds):
            yield _evidence(f"{amount(found.slope)} {what}", found, row, "objects", None)
    blocks = grown(lambda process: process.blocks)
    if blocks is not None and blocks.slope >= thresholds.process_blocks:
        yield _evidence(
            f"{blocks.slope:.0f} blocks of Python objects", blocks, _BLOCKS, "objects", _BLOCK_BYTES * blocks.total
        )
    for row, number in _BYTES:
        found = grown(number)
        if found is None or found.slope < thresholds.process_bytes or found.total < thresholds.process_total:
            continue
        # What grows over time grows unevenly with the visits: the whole way decides the kind.
        more = (rest[-1].low.process.blocks or 0) - (rest[0].low.process.blocks or 0)
        objects = _NOT_OBJECTS * _BLOCK_BYTES * more / found.span
        yield _evidence(size(found.slope), found, row, "objects" if found.slope < objects else "bytes", found.total)
        return


def holders(
    points: Sequence[Point], clean: Sequence[Point], thresholds: Thresholds, *, certain: bool
) -> Iterator[Evidence]:
    """Yield what all sessions share and that has more entries after each visit.

    Args:
        points: at which about as few sessions as ever are open.
        clean: all points that hold no garbage.
        thresholds: over how many visits it is judged.
        certain: whether it is certain that the process grows. If not, only what is of no use to anybody counts: a
            container of the app's may be a cache that is not full yet.
    """
    names = dict.fromkeys(name for point in points for name in point.last.holders)
    grown = []
    for name in names:
        found = growth((total(point.last, "destroyed"), point.last.holders.get(name)) for point in points)
        enough = found is not None and found.span >= thresholds.judge_sessions and found.slope >= _ENTRY_A_VISIT
        if found is None or not enough or not (certain or _says_more(name)):
            continue
        if certain or count_grows(clean, [point.last.holders.get(name) for point in clean], thresholds):
            grown.append((found.slope, name, found))
    for slope, name, found in sorted(grown, key=lambda one: (not _says_more(one[1]), -one[0]))[:_HOLDERS]:
        begin = f"{_says_more(name)}: " if _says_more(name) else ""
        left = amount(slope)
        what = name if name.startswith(_WATCHERS) else f"{'entry' if left == '1' else 'entries'} of {name}"
        text = f"{begin}each of {found.span:.0f} visits left {left} {what} behind"
        yield Evidence(PROCESS, text, "bokeh_shared_entries", slope, None, "objects")


def _says_more(name: str) -> str:
    """Say what growth of a place of libraries means; nothing of a place that may be a cache."""
    if name.startswith(_WATCHERS):
        return "watchers on a shared object pile up"
    if name.endswith(_SHEETS):
        return "pages get larger with each visit"
    return "figures are never closed" if name.endswith("Gcf.figs") else ""


def _is_steps(rest: Sequence[Point], number: Number) -> bool:
    """Whether a few moments made most of it, over a time in which more should have come: late imports."""
    if rest[-1].time - rest[0].time < _MINUTES:
        return False
    known = [value for point in rest if (value := number(point.low.process)) is not None]
    rises = sorted(after - before for before, after in pairwise(known) if after > before)
    return sum(rises[:-_STEPS]) < _WITHOUT_STEPS * sum(rises)


def _evidence(what: str, found: Growth, row: str, reason: str, taken: float | None) -> Evidence:
    text = f"each of {found.span:.0f} visits left {what} behind, measured when the fewest sessions were open"
    return Evidence(PROCESS, text, row, found.slope, None, reason, taken)


def _by_itself(rest: Sequence[Point], thresholds: Thresholds) -> Iterator[Evidence]:
    if len(rest) < 2 or rest[-1].time - rest[0].time < _ALONE:
        return
    if total(rest[-1].last, "destroyed") - total(rest[0].last, "destroyed") >= thresholds.judge_sessions:
        return
    span = duration(rest[-1].time - rest[0].time)
    blocks: Number = lambda process: process.blocks  # noqa: E731
    for row, number in ((_BLOCKS, blocks), *_BYTES):
        found = growth((point.time, number(point.low.process)) for point in rest)
        reason = "objects" if row == _BLOCKS else "bytes"
        if found is not None and found.total >= (_BLOCKS_ALONE if row == _BLOCKS else thresholds.process_total):
            what = f"{found.total:.0f} blocks" if row == _BLOCKS else size(found.total)
            yield Evidence(
                PROCESS, f"the process grew by {what} in {span} without visits", row, found.total, None, reason
            )
            return


def kind_of(evidence: Sequence[Evidence], settled: GrowthKind | None) -> GrowthKind | None:
    """Return what grows; buffers and native memory look the same until allocations have been captured."""
    reasons = {one.reason for one in evidence}
    if "bytes" in reasons:
        return settled if settled in ("buffers", "native") else None
    return "objects" if reasons else None


def fragmentation(points: Sequence[Point], thresholds: Thresholds, released: float | None = None) -> list[Evidence]:
    """Return the evidence for memory that was freed and is still resident; ``released`` by a trim is the proof."""
    if released is not None:
        before = points[-1].last.process.rss or 0
        if released < max(thresholds.slack_bytes, _OF_RSS * before):
            return []
        text = f"a trim returned {size(released)} of {size(before)} resident: freed memory that the allocator kept"
        return [Evidence(FRAGMENTATION, text, "bokeh_memory_reclaimed_bytes_total", released, bytes=released)]
    tail = points[-_LASTING:]
    if len(tail) < _LASTING:
        return []
    for point in tail:
        slack, process = _slack(point.last.process), point.last.process
        if slack is None or not process.malloc_resident or slack < thresholds.slack_bytes:
            return []
        if slack < thresholds.slack_share * process.malloc_resident or slack < _OF_RSS * (process.rss or 0):
            return []
    process = points[-1].last.process
    slack = _slack(process) or 0
    share = slack / (process.malloc_resident or slack)
    text = (
        f"{size(slack)} of free memory stay resident in the allocator, {share:.0%} of its "
        f"{size(process.malloc_resident or 0)}; {size(process.malloc_in_use or 0)} are in use"
    )
    return [Evidence(FRAGMENTATION, text, "bokeh_memory_malloc_resident_bytes", slack, bytes=slack)]


def explains(evidence: Evidence, slack: float) -> bool:
    """Whether growth of the process explains the memory, next to what the allocator keeps."""
    return evidence.verdict != PROCESS or evidence.bytes is None or evidence.bytes >= _EXPLAINS * slack


def _slack(process: Process) -> float | None:
    """Return resident bytes that are free.

    Both numbers may mislead alone: free stays high after a trim, resident is read once a minute and may be old.
    """
    if process.malloc_resident is None or process.malloc_in_use is None:
        return None
    slack = process.malloc_resident - process.malloc_in_use
    return slack if process.malloc_free is None else min(slack, process.malloc_free)
