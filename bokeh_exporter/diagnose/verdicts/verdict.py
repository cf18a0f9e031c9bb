"""The verdict: which of the seven holds, by what evidence, and what to do about it.

The server judges its history of minutes with this, and soak its history of seconds: the time spans follow from the
history. Floors are compared with destroyed sessions, events or time. What goes away with the session separates a
growing session from a growing process. For that, and since garbage looks like growth, whoever drives a server
collects in between.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

from ...thresholds import Thresholds
from ..harm.judged import harm
from .beside import exclusions, full_at, observing, says, so_far
from .held import held
from .history import Point
from .judgement import (
    FRAGMENTATION,
    HEALTHY,
    LINGERING,
    PRECEDENCE,
    PROCESS,
    RETAINED,
    SESSION,
    STALLED,
    Evidence,
    GrowthKind,
    Judgement,
)
from .lingering import lingering
from .process import explains, fragmentation, kind_of, process_growth
from .retained import retained
from .series import live, of_this_process
from .session import OF_DOCUMENTS, session_growth
from .slow import evidence_of, slow_growth

#: What fills memory.
_GROWTH = frozenset({RETAINED, SESSION, PROCESS})
#: What grows memory itself, and the words for it.
_BESIDE = ("autoreload", "admin", "profiler")

_ADVICE = {
    HEALTHY: "Nothing to do: memory follows the sessions.",
    STALLED: "Move the blocking work to a thread or a process: until it ends the server answers and cleans up nothing.",
    RETAINED: "Remove the reference that keeps them: bokeh-exporter explain names it.",
    SESSION: "Fix the callback: update what is there instead of adding to it, and give streams a rollover.",
    FRAGMENTATION: "Set MALLOC_ARENA_MAX=2 or use jemalloc; POST /debug/trim returns the memory for now.",
}
_LINGERING = {
    "age": "Find what stops the sweep or the end of the session: a session-destroyed hook that raises or waits.",
    "sweep": "Fix the session-destroyed hook that hangs: until it returns no session is discarded.",
    "blocked": "Give the callback that holds the document lock a timeout, and unblock expiration if you block it.",
    "reuse": "Bound the key of --reuse-sessions (session_key_func), or leave the option out.",
    "silent": "Let the proxy notice that a browser has gone: TCP keep-alive towards it (nginx: listen ... "
    "so_keepalive=on) and an idle timeout.",
    "pending": "Fix the session creation that fails or waits: each attempt leaves a pending session behind.",
    "probes": "Point probes at the exporter's /healthz or a static file: each request for the page creates a session.",
    "lifetime": "Shorten --unused-session-lifetime, so that sessions end soon after their browser leaves.",
}
_PROCESS: dict[GrowthKind | None, str] = {
    "objects": "Bound what outlives the sessions: caches, registries, log records, classes created at each visit.",
    "buffers": "Bound the cache that keeps arrays, frames or bytes beyond the sessions.",
    "native": "Look at native code: extensions, image and database libraries; Python owns none of what grows.",
    None: "Bound caches that keep arrays or frames; if there are none look at native code. "
    "bokeh-exporter capture says which.",
}


def judge(
    points: Sequence[Point],
    thresholds: Thresholds,
    *,
    grace: float = 60.0,
    stalled: Sequence[str] = (),
    settled: GrowthKind | None = None,
    released: float | None = None,
    without: Collection[str] = (),
    collects: bool = True,
    disabled: bool = False,
    known: Sequence[Evidence] = (),
) -> Judgement:
    """Judge a history.

    Args:
        points: ``History.points()``.
        thresholds: a ``Config`` is one.
        grace: seconds after destroy before which a full collection does not count.
        stalled: why the server is blocked now, a line each.
        settled: what a capture of allocations has found to grow, buffers that Python owns or native memory.
        released: bytes that a trim returned right after the last point; None if there was none.
        without: verdicts that whoever drove the server knows not to hold.
        collects: whether full collections are run where the judge waits for one.
        disabled: whether Python runs none by itself, as after ``gc.disable()``.
        known: evidence that whoever drove the server has already.
    """
    evidence = [*(stall(text) for text in stalled), *known]
    points = of_this_process(points)
    if points:
        evidence += lingering(points, thresholds)
        fast = retained(points, thresholds, grace)
        evidence += fast
        evidence += (one for one in held(points, thresholds, grace) if one.app not in {other.app for other in fast})
        evidence += _growth(points, thresholds, {one.verdict for one in evidence})
        kept = fragmentation(points, thresholds, released)
        slack = sum(one.bytes or 0 for one in kept)
        evidence = [*(one for one in evidence if explains(one, slack)), *kept]
    found = _judgement([one for one in evidence if one.verdict not in without], settled, points)
    return dataclasses.replace(_beside(found, points, thresholds, collects, disabled), harm=harm(points))


def _beside(
    found: Judgement, points: Sequence[Point], thresholds: Thresholds, collects: bool, disabled: bool
) -> Judgement:
    """Return a judgement with what is missing and excluded, or when memory is full."""
    if found.name != HEALTHY:
        return dataclasses.replace(found, full_at=full_at(points)) if _GROWTH & {found.name, *found.others} else found
    missing, bounds = observing(points, thresholds, collects, disabled), exclusions(points)
    advice = found.advice
    if missing:
        advice = so_far(missing)
    elif bounds:
        advice = f"Nothing to do: {says(points, bounds)}."
    return dataclasses.replace(found, advice=advice, observing=missing, excluded=bounds)


def _growth(points: Sequence[Point], thresholds: Thresholds, explained: set[str]) -> list[Evidence]:
    found = session_growth(points, thresholds)
    sessions = [one for one in found if one.verdict == SESSION]
    if RETAINED in explained:  # what is retained stays when its session has gone, and grows the process
        return sessions
    process = process_growth(points, thresholds)
    if not sessions and not process and not found:
        slow = slow_growth(points, thresholds)
        return [evidence_of(slow, points)] if slow is not None else []
    if not sessions:
        return [*process, *found]
    # Blocks and bytes that grow while a session is open may be the process's own, if they also do without one.
    certain = any(one.metric in OF_DOCUMENTS for one in sessions)
    alone = process and not certain and min(live(point.last) for point in points) == 0
    return process if alone else sessions


def _judgement(evidence: Sequence[Evidence], settled: GrowthKind | None, points: Sequence[Point]) -> Judgement:
    holding = {one.verdict for one in evidence}
    ranked = [verdict for verdict in PRECEDENCE if verdict in holding]
    name = ranked[0] if ranked else HEALTHY
    reasons = tuple(dict.fromkeys(one.reason for one in evidence if one.verdict == name and one.reason))
    kind = kind_of([one for one in evidence if one.verdict == PROCESS], settled)
    switches = points[-1].last.switches if points else frozenset()
    return Judgement(
        name,
        tuple(ranked[1:]),
        tuple(sorted(evidence, key=lambda one: PRECEDENCE.index(one.verdict))),
        _advice(name, reasons, kind),
        kind,
        reasons,
        tuple(switch for switch in _BESIDE if switch in switches),
    )


def _advice(name: str, reasons: Sequence[str], kind: GrowthKind | None) -> str:
    if name == LINGERING:
        return " ".join(_LINGERING[reason] for reason in reasons[:1])
    return _PROCESS[kind] if name == PROCESS else _ADVICE[name]


def stall(text: str) -> Evidence:
    """Return the evidence that the server is blocked, given why in a line."""
    return Evidence(STALLED, text, _stall_row(text), None, None, _stall_reason(text))


def _stall_reason(text: str) -> str:
    return "executor" if "worker threads" in text else "loop"


def _stall_row(text: str) -> str:
    executor = _stall_reason(text) == "executor"
    return "bokeh_executor_threads" if executor else "bokeh_event_loop_last_tick_timestamp_seconds"
