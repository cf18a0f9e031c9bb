"""Count what the exporter costs in instructions: ``python -m benchmarks.instructions``; see README.md."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from collections.abc import Sequence

from ..servers import PANELS, PLAIN, App, pin
from .operations import idle, operations

#: Servers that are counted at once.
_AT_ONCE = 3

#: What is compared with a bare server: parts, and the level where it is not the default.
_COMPARED = (("bare", None), ("whole", None), ("whole", "element"))
_TAKEN = tuple((f"whole,{part}", None) for part in ("hooks", "wrappers", "variable"))

#: Instructions of one operation by its name, and those of them that search classes, which is luck: see ``profiles``.
#: ``idle`` is of a second.
Counts = dict[str, tuple[float, float]]


async def count(app: App, parts: str, level: str | None, messages: int, visits: int) -> Counts:
    """Count all of it for one server."""
    idles = await idle(app, parts, level)
    phases = await operations(app, parts, level, {"message": messages, "button": messages, "creation": visits})
    found = {
        name: (each.each(lambda phase: phase.total), each.each(lambda phase: phase.profile.searched))
        for name, each in phases.items()
    }
    return {"idle": (idles.total / idles.seconds, 0.0), **found}


async def main() -> None:
    """Parse the command line, count, print each line as soon as it is there."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--messages", type=int, default=64, help="messages of each kind")
    parser.add_argument("--visits", type=int, default=2, help="sessions that are created; 0 for none")
    parser.add_argument("--taken", action="store_true", help="take one part of the exporter away at a time")
    parser.add_argument("--apps", default="plain,panels", help="which of the two apps")
    given = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is missing; on Debian: apt-get install valgrind")
    pin()
    chosen: Sequence[tuple[str, str | None]] = (*_COMPARED, *_TAKEN) if given.taken else _COMPARED
    for app in (PLAIN, PANELS):
        if app.name not in given.apps.split(","):
            continue
        bare: Counts = {}
        for start in range(0, len(chosen), _AT_ONCE):
            some = chosen[start : start + _AT_ONCE]
            found = await asyncio.gather(*(count(app, *each, given.messages, given.visits) for each in some))
            for (parts, level), counts in zip(some, found, strict=True):
                bare = bare or counts
                for name, (instructions, searched) in counts.items():
                    before, searched_before = bare[name]
                    ratio = f"{instructions - before:+12,.0f}  x {instructions / before:.3f}" if name != "idle" else ""
                    if name != "idle":
                        without = (instructions - searched) / (before - searched_before)
                        ratio += f"  searches of classes {searched:10,.0f}, without them x {without:.3f}"
                    print(f"{app.name:<8}{parts:<16}{level or '':<9}{name:<9}{instructions:14,.0f} {ratio}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
