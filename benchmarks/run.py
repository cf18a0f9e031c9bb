"""Run the benchmarks: ``python -m benchmarks.run``; README.md says how to read what comes out."""

from __future__ import annotations

import argparse
import importlib.util
import signal
import sys
import time
from collections.abc import Iterator

from . import levels, paired, scale
from .results import Result, as_json, as_text, setting
from .servers import PANELS, PLAIN, App, pin

ALL = (*paired.MEASUREMENTS, *scale.MEASUREMENTS)


def main() -> None:
    """Parse the command line, measure, print each result as soon as it is there."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--only", type=_chosen, default=ALL, help="comma-separated, of " + ",".join(ALL))
    parser.add_argument("--rounds", type=int, default=3, help="how often each pair of servers is started anew")
    parser.add_argument("--json", action="store_true", help="print one JSON document at the end instead of lines")
    parser.add_argument("--null", action="store_true", help="compare two servers without exporter: the noise floor")
    parser.add_argument("--levels", action="store_true", help="compare what each level costs, as a table")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an end like any other: the servers end, too
    pin()
    start = time.monotonic()
    if not given.json:
        print(setting(given.null), flush=True)
    if given.levels:
        for line in levels.table(_apps(), given.rounds):
            print(line, flush=True)
        return
    results = []
    for result in _results(given.only, given.rounds, given.null):
        results.append(result)
        if not given.json:
            print(as_text(result), flush=True)
    if given.json:
        print(as_json(results, given.null))
    else:
        print(f"{time.monotonic() - start:.0f} s")


def _results(only: tuple[str, ...], rounds: int, null: bool) -> Iterator[Result]:
    apps = _apps()
    if set(only) & set(paired.MEASUREMENTS):
        for app in apps:
            yield from paired.compare(app, rounds, only, null)
    if not null:  # a sample and a scrape have nothing to be compared with
        yield from scale.measure(only)


def _apps() -> list[App]:
    if importlib.util.find_spec("panel") is not None:
        return [PLAIN, PANELS]
    print("Panel is not installed: the Panel app is left out", file=sys.stderr)
    return [PLAIN]


def _chosen(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - set(ALL):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: choose from {', '.join(ALL)}")
    return names


if __name__ == "__main__":
    main()
