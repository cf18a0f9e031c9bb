"""The history: bounded, folded to floors, and the same numbers when they come out again."""

from __future__ import annotations

import gc
import math
import sys
import threading
import types

import pytest

from bokeh_exporter.diagnose import AppSample, History, Process, Sample
from bokeh_exporter.diagnose.harm.trouble import NAMED as RAISED
from bokeh_exporter.diagnose.harm.trouble import AppTrouble, Trouble
from bokeh_exporter.diagnose.verdicts.samples import NAMED, Callback

from .courses import START, history

pytestmark = pytest.mark.once

#: As the issue has it.
LIMIT = 2 * 2**20
DAY = 24 * 60


def full(step: int) -> Sample:
    """A sample of a server at every cap: twenty apps, every number there, every name another one."""
    numbers = iter(range(1_000_000))
    return Sample(
        Process(START + 60.0 * step, *(step + next(numbers) / 7 for _ in Process._fields[1:])),
        {f"/app_{n}": AppSample(*(step + next(numbers) / 7 for _ in AppSample._fields)) for n in range(20)},
        frozenset({"autoreload"}),
        {(f"/app_{n}", f"module_{step}:function_{n}"): Callback(n + 0.1, n + 0.2, n + 0.3) for n in range(2 * NAMED)},
        {(f"/app_{n}", f"Model{step}_{n}"): n + 0.5 for n in range(NAMED)},
        {f"Model{step}_{n}": n + 0.5 for n in range(NAMED)},
        {f"watchers of module_{step}.name_{n}": step + n / 7 for n in range(NAMED)},
        Trouble(
            {f"/app_{n}": AppTrouble(*(step + next(numbers) / 7 for _ in AppTrouble._fields)) for n in range(20)},
            {(f"/app_{n}", f"module_{step}:raises_{n}"): (n + 0.1, n + 0.2) for n in range(RAISED)},
            {f"reason {n}": step + n / 7 for n in range(5)},
            37.0,
            300.0,
        ),
    )


def size_of(root: object) -> int:
    """Return the bytes of all that an object leads to, classes and modules left out."""
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen and not isinstance(one, (type, types.ModuleType)):
            seen[id(one)] = one
            waiting += gc.get_referents(one)
    return sum(map(sys.getsizeof, seen.values()))


def test_a_day_of_a_server_at_every_cap_takes_under_two_megabytes() -> None:
    built = History()
    for step in range(DAY + 120):
        built.add(full(step))
    taken = size_of(built)
    assert 2**19 < taken < LIMIT, f"{taken / 2**20:.2f} MiB"
    points = built.points()
    assert len(points) > 100
    assert 22.5 * 3600 < points[-1].time - points[0].time < 25 * 3600


def test_seconds_are_bounded_too() -> None:
    built = history(lambda step: {"blocks": float(step)}, 5 * 3600, 1.0)
    assert len(built.points()) < 250


def test_what_goes_in_comes_out_and_missing_stays_missing() -> None:
    one = full(3)._replace(process=Process(START, blocks=5.0))
    built = History()
    built.add(one)
    (point,) = built.points()
    assert point.last == point.low == one
    assert point.last.process.heap is None
    assert not any(value is not None and math.isnan(value) for value in point.last.process)


def test_old_points_keep_the_floor_and_the_last() -> None:
    """Saw teeth of ten minutes: where they are folded, the floor is their bottom, and no peak is left."""
    built = history(lambda step: {"blocks": 1000.0 + 100 * (step % 10), "destroyed": float(step)}, DAY, 60.0)
    folded = [point for point in built.points() if built.points()[-1].time - point.time > 3 * 3600]
    assert len(folded) > 30
    assert {point.low.process.blocks for point in folded} == {1000.0}
    destroyed = [point.last.apps["/app"].destroyed or 0 for point in folded]
    assert destroyed == sorted(destroyed)
    assert all(point.time - START == 60 * (point.last.apps["/app"].destroyed or 0) for point in folded)


def test_apps_come_and_go() -> None:
    built = history(lambda step: {"apps": {f"/app_{step // 400}": {"models": float(step)}}}, 1200, 60.0)
    for point in built.points():
        (path,) = point.last.apps
        assert path == f"/app_{(point.last.apps[path].models or 0) // 400:.0f}"
        assert set(point.low.apps) == {path}


def test_a_clock_that_is_set_back_changes_nothing() -> None:
    built = history(lambda step: {"blocks": 1.0}, 3, 60.0)
    built.add(Sample(Process(START, blocks=9.0)))
    assert [point.last.process.blocks for point in built.points()] == [1.0, 1.0, 1.0]


def test_it_is_read_while_it_is_written() -> None:
    built = History()
    errors: list[BaseException] = []
    ending = threading.Event()

    def read() -> None:
        try:
            while not ending.is_set():
                times = [point.time for point in built.points()]
                assert times == sorted(times)
                assert len(times) < 250
        except BaseException as error:
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread = threading.Thread(target=read)
    thread.start()
    try:
        for step in range(2000):
            built.add(Sample(Process(START + 60 * step, blocks=float(step))))
    finally:
        ending.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert errors == []
