"""``python -m tests.fuzz``: attack for a while, and end with a table of what was tried; status 1 if something broke."""

from __future__ import annotations

import argparse
import sys
import time

from ..support import bokeh_serve
from .attacks import ATTACKS, rounds


def main() -> int:
    """Parse the arguments, run the attacks one after another against one server, and print what broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="for all attacks together (120)")
    parser.add_argument("--rounds", type=int, default=1_000_000, help="of each attack at most")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the first round (the time)")
    parser.add_argument("--only", choices=list(ATTACKS), help="one attack")
    given = parser.parse_args()
    chosen = [given.only] if given.only else list(ATTACKS)
    faults = []
    with bokeh_serve("slider_bokeh.py", env={"BOKEH_EXPORTER_DEBUG": "1"}) as server:
        for kind in chosen:
            begin, found, tried = time.monotonic(), [], [0]
            until = begin + given.seconds / len(chosen)
            for fault in rounds(kind, given.seed, given.rounds, until, server.exporter_url, tried):
                found.append(fault)
                print(f"FAULT {fault}", flush=True)
            took = time.monotonic() - begin
            print(f"{kind:8} {tried[0]:7} rounds from seed {given.seed}, {len(found)} faults, {took:.0f} s", flush=True)
            faults += found
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
