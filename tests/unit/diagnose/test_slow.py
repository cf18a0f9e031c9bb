"""The judge on simulated days: slow leaks are told in time, healthy servers are not, and a level stands."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.courses import HEALTHY, LEAKS, MB, keeps, leaves, plus, traffic
from benchmarks.sampled import sampled
from benchmarks.verdicts import judged, remembered
from bokeh_exporter.config import LEVELS
from bokeh_exporter.diagnose import judge
from bokeh_exporter.thresholds import Thresholds

from .courses import history

pytestmark = pytest.mark.once

#: Healthy days of each kind, 210 in all; the many run offline (benchmarks/README.md).
DAYS = 14


@pytest.mark.parametrize("name", LEAKS)
def test_a_slow_leak_is_told_in_time(name: str) -> None:
    course, verdict, bar = LEAKS[name]
    told = {hour: found.name for hour, found in judged(course(np.random.default_rng(7)), int(bar))}
    assert told[int(bar)] == verdict
    assert set(told.values()) <= {"healthy", verdict}


@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_days_have_no_verdict(kind: str) -> None:
    with remembered():
        for seed in range(DAYS):
            level = LEVELS[-1 - seed % len(LEVELS)]  # all levels, the deepest first
            day = sampled(np.random.default_rng([11, seed, 1]), HEALTHY[kind](np.random.default_rng([11, seed])), level)
            for hour, found in judged(day, period=300.0 if seed else 60.0):
                assert found.name == "healthy", (seed, level, hour, found.evidence)


@pytest.mark.parametrize(
    ("seed", "hours", "looks"),
    [((101, 112), 1, 3600.0), ((101, 159), 3, 3600.0), ((202, 73), 1, 3600.0), ((202, 126), 1, 3600.0),
     ((1202, 9), 15, 2400.0)],
)  # fmt: skip
def test_a_cache_that_bends_late_is_no_growth(seed: tuple[int, int], hours: int, looks: float) -> None:
    """Few visits, one hour of a cache that takes many, and one that fills with time while traffic falls."""
    day = HEALTHY["caches that fill slowly"](np.random.default_rng(seed))
    assert {found.name for _, found in judged(day, hours, looks=looks)} == {"healthy"}


@pytest.mark.parametrize("seed", [(5004, 379), (75009, 469)])
def test_a_few_steps_of_the_allocator_in_a_day_are_no_growth(seed: tuple[int, int]) -> None:
    """By chance they fit a session more or less in the hours between, or fall into two buckets each."""
    day = HEALTHY["allocator steps of 64 MB"](np.random.default_rng(seed))
    assert {found.name for _, found in judged(day, period=300.0)} == {"healthy"}


@pytest.mark.parametrize(
    ("kind", "level", "seed", "hours"),
    [("sessions wait for the collector", "element", (1, 27), 2), ("steady traffic", "update", (3010, 0), 2),
     ("sessions wait for the collector", "callback", (3016, 72), 3)],
)  # fmt: skip
def test_what_open_sessions_hold_is_no_growth(kind: str, level: str, seed: tuple[int, int], hours: int) -> None:
    """Components, watchers on what all share, modules: one session more than before holds dozens."""
    day = sampled(np.random.default_rng([*seed, 1]), HEALTHY[kind](np.random.default_rng(seed)), level)
    assert {found.name for _, found in judged(day, hours)} == {"healthy"}


@pytest.mark.parametrize("what", ["components", "watchers"])
def test_what_each_visit_leaves_of_them_is_growth(what: str) -> None:
    day = sampled(np.random.default_rng(1), traffic(np.random.default_rng(6), 5.0), "element")
    held = 20 * (day["connected"] + day["destroyed"])
    assert dict(judged({**day, what: held}, 2))[2].name == "process_growth"


def test_sessions_that_stay_when_visits_stop_are_told_until_they_are_freed() -> None:
    random = np.random.default_rng(5)
    day = keeps(random, 50, 20)
    still = {name: np.where(np.arange(1440) < 600, values, values[600]) for name, values in day.items()}
    freed = {**still, "retained_sessions": np.where(np.arange(1440) < 1200, still["retained_sessions"], 1.0)}
    told = dict(judged(freed))
    assert {told[hour].name for hour in range(3, 20)} == {"retained_sessions"}
    assert "none new for" in told[19].evidence[0].text or "in memory" in told[19].evidence[0].text
    assert told[24].name == "healthy"


def test_healthy_says_what_it_excludes_and_observing_what_is_missing() -> None:
    told = dict(judged(traffic(np.random.default_rng(3), 5.0), 6))
    assert told[1].observing is not None
    assert told[6].observing is None
    bounds = {one.what: one.bound for one in told[6].excluded}
    assert 0 < bounds["growth per visit"] < 20_000
    assert 0 < bounds["growth per day"] < 20 * MB
    few = judge(history(lambda step: {"destroyed": 8.0, "created": 8.0}, 10, 60.0).points(), Thresholds())
    assert few.observing is not None
    assert "8 of 10 sessions" in few.observing
    calm = history(lambda step: {"destroyed": float(step), "created": float(step)}, 300, 60.0).points()
    off = judge(calm, Thresholds(), collects=False)
    assert off.observing is not None
    assert "full collections by the exporter are off" in off.observing
    off = judge(calm, Thresholds(), disabled=True)
    assert off.observing is not None
    assert "gc.disable()" in off.observing


def test_a_leak_with_a_limit_says_when_memory_is_full() -> None:
    day = leaves(np.random.default_rng(2), 2e4, 200, 20)
    limit = np.full(1440, 2000 * MB)
    (*_, (_, found)) = judged(plus(day, cgroup_limit=limit, cgroup_usage=day["rss_anon"]), 12)
    assert found.name == "process_growth"
    full = found.full_at
    assert full is not None
    assert full.earliest < full.time < full.latest
    room = float(limit[719] - day["rss_anon"][719])
    assert full.time - (1_700_000_000 + 719 * 60) == pytest.approx(room / (2e4 * 20 / 60), rel=0.3)
