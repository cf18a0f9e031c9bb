"""The thresholds of the verdicts: one table, each an option with the reason for its value.

``Config`` inherits the table, so a value may be set like any option and a ``Config`` may stand wherever
thresholds are wanted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


def _between(least: float, most: float, kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        value = kind(text)
        if not least <= value <= most:  # NaN fails this too
            raise ValueError
        return value

    return parse


def _threshold(default: float, least: float, most: float, help: str, reason: str) -> Any:
    kind = type(default)
    wants = f"a {'whole ' if kind is int else ''}number from {least:.9g} to {most:.9g}"
    metadata = {"parse": _between(least, most, kind), "wants": wants, "help": help, "secret": False, "reason": reason}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Thresholds:
    """The values above which numbers are evidence."""

    judge_sessions: int = _threshold(
        10, 3, 1_000_000, "Minimum number of destroyed sessions over which growth per session is judged.",
        "Clean Bokeh keeps one destroyed session until the next, clean Panel one for ever: over ten that is no slope.",
    )  # fmt: skip
    retained_share: float = _threshold(
        0.05, 0.0, 1.0, "Share of the destroyed sessions that must be retained, or keep a model, to be a leak.",
        "A clean server retains one in all, however many it destroys; real leaks retain from one in ten to every one.",
    )  # fmt: skip
    linger_factor: float = _threshold(
        3.0, 1.0, 1000.0, "How many times lifetime plus check interval a session without a browser may stay.",
        "The sweep removes it after at most one lifetime plus one interval; a busy loop delays the sweep further.",
    )  # fmt: skip
    linger_seconds: float = _threshold(
        5.0, 0.0, 86400.0, "Seconds that a session without a browser may stay in any case.",
        "On a loaded machine a loop that builds pages delayed a sweep due every 0.2 s by over a second.",
    )  # fmt: skip
    unused_sessions: int = _threshold(
        10, 1, 1_000_000, "Constant number of sessions without a browser at which probes or a long lifetime matter.",
        "A kubelet's probes every 10 s against the default lifetime and interval keep 3 to 4 of them.",
    )  # fmt: skip
    long_lifetime: float = _threshold(
        600.0, 1.0, 604800.0, "Lifetime of unused sessions in seconds that counts as long when they pile up.",
        "Bokeh's default is 15 s; a reload or a lost connection comes back within a minute.",
    )  # fmt: skip
    session_models: int = _threshold(
        50, 1, 10_000_000, "Models by which live documents must grow while no session starts or ends.",
        "A slider step that rebuilds its output makes 18 models and drops 18; one that adds a curve adds 8 to 10.",
    )  # fmt: skip
    session_blocks: int = _threshold(
        30, 1, 10_000_000, "Python blocks per event by which a live session may grow, after collections.",
        "A clean page that ticked for 14 s gained 36 in all; a figure that adds a curve per event 240 objects each.",
    )  # fmt: skip
    session_bytes: int = _threshold(
        8_000_000, 1, 10**12, "Bytes by which a live session may grow while no session starts or ends.",
        "A clean app's first hundred events added 1 to 4 MB, then nothing; streaming without rollover adds 3 MB/s.",
    )  # fmt: skip
    process_blocks: int = _threshold(
        500, 1, 10_000_000, "Python blocks that a visit may leave behind.",
        "Ten small classes created and kept at each visit were 1,180; a clean app left 240 over its first forty.",
    )  # fmt: skip
    process_bytes: int = _threshold(
        100_000, 1, 10**12, "Bytes that a visit may leave behind.",
        "Clean apps leave 50 kB a visit over the first twenty, then less; a kept column of 12,500 rows is 100 kB.",
    )  # fmt: skip
    process_total: int = _threshold(
        16_000_000, 1, 10**13, "Total bytes by which the process must have grown.",
        "Warm-up of a clean Panel app: 4 MB over its first visits, 12 MB with the first imports.",
    )  # fmt: skip
    growth_per_day: int = _threshold(
        1_000_000, 1, 10**13, "Bytes per day above which growth over hours matters.",
        "In a month a server grows by 30 MB; below that it is restarted for another reason first.",
    )  # fmt: skip
    slack_bytes: int = _threshold(
        64_000_000, 1, 10**13, "Free memory kept resident by the allocator, above which it matters.",
        "One arena is 64 MB; clean servers kept 1 to 2 MB more, a fragmented one 275 to 360 MB.",
    )  # fmt: skip
    slack_share: float = _threshold(
        0.5, 0.0, 1.0, "Share of the allocator's resident memory that must be free to count as fragmentation.",
        "93 % of a fragmented allocator was free; below half, live memory is the larger part.",
    )  # fmt: skip
