"""Where the instructions go: ``python -m benchmarks.instructions.functions --what button bare whole whole,hooks``.

For each server: instructions of one operation, first-level cache misses, mispredicted branches, and how much more than
the first server each function of C runs by itself, the largest differences first. What Python runs is in
``_PyEval_EvalFrameDefault``; look-ups, allocations and calls into the kernel have functions of their own.
"""

from __future__ import annotations

import argparse
import asyncio

from ..servers import PANELS, PLAIN, App
from .callgrind import Phase
from .operations import Phases, idle, operations

#: Functions that are shown.
_SHOWN = 24
#: What is shown, by what callgrind calls it: misses of the first level, of the last one, and of the branch predictor.
_EVENTS = {
    "instructions": ("Ir",), "code misses": ("I1mr",), "data misses": ("D1mr", "D1mw"),
    "last level": ("ILmr", "DLmr", "DLmw"), "mispredicted": ("Bcm", "Bim"),
}  # fmt: skip


async def profile(app: App, server: str, what: str, times: int) -> Phases:
    """Return the phases of one server, given as its parts or ``parts@level``."""
    parts, _, level = server.partition("@")
    if what == "idle":
        phase = await idle(app, parts, level or None, simulated=True)
        return Phases(Phase(), phase, phase.seconds)
    return (await operations(app, parts, level or None, {what: times}, simulated=True))[what]


def totals(phases: Phases, names: tuple[str, ...]) -> float:
    """Return how often some events happen in an operation."""

    def number(phase: Phase) -> float:
        found = phase.profile.totals()
        return sum(found[name] for name in names)

    return phases.each(number)


def functions(phases: Phases) -> dict[str, float]:
    """Return the instructions of an operation by function."""
    once, twice = (phase.profile.of("Ir") for phase in (phases.once, phases.twice))
    return {name: (twice[name] - once[name]) / phases.times for name in once | twice}


async def main() -> None:
    """Parse the command line, count, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions.functions", description=__doc__)
    parser.add_argument(
        "servers", nargs="+", help="parts of the exporter, and a level: bare, whole, whole,hooks, whole@element"
    )
    parser.add_argument("--what", default="button", choices=("message", "button", "creation", "idle"))
    parser.add_argument("--times", type=int, default=48)
    parser.add_argument("--app", default="plain", choices=("plain", "panels"))
    given = parser.parse_args()
    app = PLAIN if given.app == "plain" else PANELS
    found = []
    for server in given.servers:
        found.append(await profile(app, server, given.what, given.times))
        numbers = ", ".join(f"{name} {totals(found[-1], events):,.0f}" for name, events in _EVENTS.items())
        searches = found[-1].each(lambda phase: phase.profile.searches)
        searched = found[-1].each(lambda phase: phase.profile.searched)
        print(f"{server:<20} {numbers}; {searches:,.0f} searches of classes: {searched:,.0f}", flush=True)
    each = [functions(phases) for phases in found]
    names = {name for counts in each for name in counts}
    apart = sorted(names, key=lambda name: -max(abs(counts.get(name, 0) - each[0].get(name, 0)) for counts in each))
    for name in apart[:_SHOWN]:
        print(" ".join(f"{counts.get(name, 0):11,.0f}" for counts in each), name, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
