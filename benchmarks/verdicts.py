"""What the judge detects by when, and what it says to healthy servers: simulated days, judged at the end of each hour.

    python -m benchmarks.verdicts                    the table of detection, 100 random runs a row
    python -m benchmarks.verdicts --healthy 10000    days of healthy servers, round robin over their kinds
    ... --period 15 --looks 600                      a sample each 15 s (the verdict period), judged each 600 s
    ... --level session                              what a server samples at that level; else at the default one
    ... --without malloc_in_use                      what another platform does not give

The courses are in ``courses.py``; the judge is the one of the server, through ``bokeh_exporter.diagnose``.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from bokeh_exporter.config import LEVELS
from bokeh_exporter.diagnose import AppSample, History, Judgement, Process, Sample, judge
from bokeh_exporter.diagnose.verdicts import slow
from bokeh_exporter.diagnose.verdicts.rows import TIME, Table
from bokeh_exporter.thresholds import Thresholds

from .courses import HEALTHY, LEAKS, MB, MINUTES, Day, plus, traffic
from .sampled import sampled

_START = 1_700_000_000.0
_OF_APP = frozenset(AppSample._fields)
#: Windows that are remembered: those of a day, of rows that take 100 kB each.
_KNOWN = 200


def judged(day: Day, hours: int = 24, period: float = 60.0, looks: float = 3600.0) -> Iterator[tuple[int, Judgement]]:
    """Yield hours that have passed, begun ones as whole, and the judgement then.

    Args:
        day: numbers a minute; in between they stay, since there is no half of a session.
        hours: how many of them are judged.
        period: seconds between two samples.
        looks: seconds between two judgements.
    """
    times = np.arange(0.0, 60.0 * min(MINUTES, 60 * hours), period)
    if period != 60.0:
        day = {name: values[(times // 60.0).astype(int)] for name, values in day.items()}
    day = dict(day)
    watchers = day.pop("watchers", None)
    own = {name: values.tolist() for name, values in day.items() if name in _OF_APP}
    process = {name: values.tolist() for name, values in day.items() if name not in _OF_APP}
    history, thresholds = History(), Thresholds()
    for index, time in enumerate(times.tolist()):
        now = _START + time
        app = AppSample(**{name: values[index] for name, values in own.items()})
        rest = {name: values[index] for name, values in process.items()}
        process_now = Process(now, lifetime=15.0, check=17.0, swept=now, ticked=now, gc_full=now, **rest)
        shared = {} if watchers is None else {"watchers of all": float(watchers[index])}
        history.add(Sample(process_now, {"/app": app}, holders=shared))
        if (time + period) % looks < period:
            yield math.ceil((time + period) / 3600.0), judge(history.points(), thresholds)


@contextmanager
def remembered() -> Iterator[None]:
    """Judge faster, with the same results: what a trend said of a window an hour ago is asked for again each hour."""
    at = slow._at
    known: dict[object, list[slow.Slow]] = {}

    def once(part: Table, verdict: str, end: float, thresholds: Thresholds) -> Iterator[slow.Slow]:
        rows = part[: int(np.searchsorted(part[:, TIME], end, side="right"))]
        key = (verdict, end, rows.tobytes())
        if key not in known:
            if len(known) > _KNOWN:
                known.clear()
            known[key] = list(at(part, verdict, end, thresholds))
        return iter(known[key])

    slow._at = once
    try:
        yield
    finally:
        slow._at = at


def detection(runs: int, only: str, level: str) -> None:
    """Print by when each leak is detected."""
    print(f"| course | verdict | bar | by the bar | median | other verdicts |\n|{' --- |' * 6}")
    for name, (course, verdict, bar) in LEAKS.items():
        if only not in name:
            continue
        hours: list[float] = []
        others: Counter[str] = Counter()
        for seed in range(runs):
            first = np.inf
            day = sampled(np.random.default_rng([seed, 1]), course(np.random.default_rng(seed)), level)
            for hour, found in judged(day):
                if found.name == verdict:
                    first = hour
                    break
                if found.name != "healthy":
                    others[found.name] += 1
            hours.append(first)
        share = np.mean(np.array(hours) <= bar)
        median = np.median(hours)
        print(f"| {name} | {verdict} | {bar:g} h | {share:.0%} | {median:g} h | {dict(others) or ''} |", flush=True)


def healthy(days: int, seed: int, only: str, level: str, period: float, looks: float, without: Collection[str]) -> int:
    """Print what healthy servers were told other than that they are; return how many days that were."""
    kinds = [kind for kind in HEALTHY if only in kind]
    false: Counter[str] = Counter()
    for number in range(days):
        kind = kinds[number % len(kinds)]
        day = HEALTHY[kind](np.random.default_rng([seed, number]))
        day = sampled(np.random.default_rng([seed, number, 1]), day, level)
        day = {name: values for name, values in day.items() if name not in without}
        for hour, found in judged(day, period=period, looks=looks):
            if found.name != "healthy":
                false[kind] += 1
                print(f"{kind} {number}, hour {hour}: {found.name}: {found.evidence[0].text}", flush=True)
                break
        if number % 100 == 99 and number + 1 < days:
            print(f"{number + 1} days: {sum(false.values())} with a false verdict", flush=True)
    print(f"{sum(false.values())} of {days} healthy days with a false verdict: {dict(false)}")
    return sum(false.values())


def linear(runs: int) -> None:
    """Print what a cache that fills linearly is told before it is full, and after."""
    before = after = 0
    for seed in range(runs):
        random = np.random.default_rng(seed)
        day: Any = traffic(random, 5.0)
        full = 60 * random.uniform(4, 10)
        held = np.minimum(np.arange(MINUTES), full) / full * random.uniform(20, 200) * MB
        told = {hour: found.name for hour, found in judged(plus(day, held, held / 150))}
        before += any(name != "healthy" for hour, name in told.items() if 60 * hour <= full)
        after += told[24] != "healthy"
    print(f"linear fill of 4 to 10 h: growth before it is full in {before} of {runs}, at 24 h in {after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--healthy", type=int, default=0, metavar="DAYS")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="part of a course's name")
    parser.add_argument("--period", type=float, default=60.0, metavar="SECONDS", help="between two samples")
    parser.add_argument("--looks", type=float, default=3600.0, metavar="SECONDS", help="between two judgements")
    parser.add_argument("--level", choices=LEVELS, default="callback", help="what the server collects")
    parser.add_argument("--without", default="", metavar="FIELDS", help="numbers that the healthy days do not have")
    given = parser.parse_args()
    with remembered():
        if given.healthy:
            how = (given.level, given.period, given.looks, given.without.split(","))
            raise SystemExit(bool(healthy(given.healthy, given.seed, given.only, *how)))
        detection(given.runs, given.only, given.level)
        if not given.only:
            linear(max(1, given.runs // 4))


if __name__ == "__main__":
    main()
