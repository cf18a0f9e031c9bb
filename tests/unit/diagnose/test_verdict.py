"""The judge on courses of numbers: each verdict, and what looks like one and is none."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bokeh_exporter.catalogue import BY_NAME, VERDICTS
from bokeh_exporter.diagnose import History, Judgement, judge
from bokeh_exporter.diagnose.verdicts.judgement import PRECEDENCE
from bokeh_exporter.thresholds import Thresholds

from .courses import MB, START, Course, history, in_soak, on_server, sample

pytestmark = pytest.mark.once


def judged(course: Course, *, soak: bool = False, **rest: Any) -> Judgement:
    found = in_soak(course, **rest) if soak else on_server(course, **rest)
    assert found.name in VERDICTS
    assert found.advice
    assert [one.verdict for one in found.evidence] == sorted(
        (one.verdict for one in found.evidence), key=PRECEDENCE.index
    )
    assert {one.verdict for one in found.evidence} == {found.name, *found.others} - {"healthy"}
    for one in found.evidence:
        # Rows of the contract, and a sentence for each number; without a number nothing is said.
        assert one.metric in BY_NAME
        assert "nan" not in one.text
        assert "None" not in one.text
    return found


def visits(step: int, per_step: float = 1.0, begin: int = 3, **rest: Any) -> dict[str, Any]:
    """Sessions that come and go, each for a step."""
    destroyed = max(0.0, (step - begin) * per_step)
    return {"created": destroyed + 1, "destroyed": destroyed, "connected": 1.0, "messages": 3 * destroyed, **rest}


def batches(step: int, size: int = 10, length: int = 25, **rest: Any) -> dict[str, Any]:
    """Soak: two to warm up, then batches; a collection after the grace ends each, and nobody is there."""
    number, within = divmod(step, length)
    opened = min(size, within * 2)
    destroyed = 2 + number * size + (opened if within > 6 else 0)
    collected = START + number * length - (1 if number else 20)  # at the end of the batch before
    return {
        "created": 2.0 + number * size + opened,
        "destroyed": float(destroyed),
        "connected": 2.0 if within < 5 else 0.0,
        "gc_full": START + step if within == length - 1 else collected,
        **rest,
    }


def settled_sessions(step: int, size: int = 10, length: int = 25) -> float:
    """Of the batches, how many sessions a collection has looked at."""
    return 2.0 + (step // length + (step % length == length - 1)) * size


# --- healthy -----------------------------------------------------------------------------------------


def teeth(step: int, height: float = 1.0, period: int = 9) -> float:
    return height * (step % period) / period


def warm(step: int, most: float, half: float = 4.0) -> float:
    """Caches that fill: fast first, then less and less."""
    return float(most * (1 - 0.5 ** (step / half)))


RANDOM = [random.Random(4).random() for _ in range(3000)]

HEALTHY: Mapping[str, Course] = {
    "nothing known": lambda step: {},
    "nobody comes": lambda step: {"created": 0.0, "destroyed": 0.0, "connected": 0.0, "blocks": 5e5,
        "rss_anon": 60 * MB},
    "clean bokeh keeps the last one": lambda step: visits(
        step, retained_sessions=1.0 if step > 5 else 0.0, pending_sessions=float(step % 2), retained_models=0.0,
        blocks=5e5 + 1e5 * teeth(step), malloc_in_use=40 * MB + warm(step, 6 * MB), rss_anon=60 * MB + warm(step,
            8 * MB),
    ),
    "clean panel piles up and collects": lambda step: visits(
        step, 20, retained_sessions=1.0, pending_sessions=6.0 * (step % 5), pending_models=60.0 * (step % 5),
        uncollected_age=19.0, unused=30.0 + 5 * RANDOM[step], unused_age=30.0, never_connected=3.0,
        blocks=8e5 + 2e5 * (step % 5), malloc_in_use=60 * MB + 2 * MB * (step % 5),
        components=2000.0 * (1 + step % 5),
        models=70.0 + 20 * RANDOM[step],
    ),
    "first visits import things": lambda step: visits(
        step, blocks=3e5 + warm(step, 4e5), malloc_in_use=30 * MB + warm(step, 60 * MB), known_models=400 + warm(step,
        90),
        rss_anon=50 * MB + warm(step, 100 * MB),
    ),
    "a bounded cache fills": lambda step: visits(
        step, retained_sessions=min(step, 12.0), retained_models=2 * min(step, 12.0),
        blocks=4e5 + min(step, 12) * 3000.0, malloc_in_use=40 * MB + min(step, 12) * 2 * MB,
    ),
    "memory follows the visitors of the day": lambda step: {
        "created": 8.0 * step, "destroyed": 8.0 * max(0, step - 9), "never_connected": 0.0, "messages": 40.0 * step,
        "connected": (sessions := 40 - 38 * math.cos(step / 200) + 6 * RANDOM[step]),
        "models": 80 * sessions, "blocks": 4e5 + 9000 * sessions, "malloc_in_use": 40 * MB + 1.5 * MB * sessions,
        "rss_anon": 80 * MB + 1.7 * MB * sessions, "models_max": 80.0 + 9 * RANDOM[step],
    },
    "page cache": lambda step: visits(
        step, cgroup_usage=200 * MB + 2 * MB * step, cgroup_inactive=100 * MB + 2 * MB * step, cgroup_limit=4000 * MB,
        rss_anon=60 * MB, rss_file=20 * MB, malloc_in_use=40 * MB, blocks=4e5,
    ),
    "one session rebuilds its output and its garbage is collected": lambda step: {
        "created": 1.0, "destroyed": 0.0, "connected": 1.0, "calls": 40.0 * step, "messages": 40.0 * step,
        "models": 25.0 + RANDOM[step], "orphaned": 300.0 * (step % 7), "gc_full": START + 60 * (step - step % 7),
        "models_updated": 720.0 * step, "blocks": 5e5 + 4e4 * (step % 7),
            "malloc_in_use": 50 * MB + 3 * MB * (step % 7),
    },
    "a session fills its rollover": lambda step: {
        "created": 1.0, "destroyed": 0.0, "connected": 1.0, "calls": 60.0 * step, "periodic": 1.0,
        "data_bytes": min(step, 10) * MB / 3, "malloc_in_use": 40 * MB + min(step, 10) * MB / 3, "models": 40.0,
    },
    "a kubelet's probe": lambda step: {
        "created": 6.0 * step, "destroyed": max(0.0, 6.0 * step - 4), "never_connected": max(0.0, 6.0 * step - 4),
        "unused": 4.0, "unused_age": 31.0, "connected": 0.0, "messages": 0.0, "blocks": 4e5,
    },
    "one session per app that is reused": lambda step: {
        "created": 1.0, "destroyed": 0.0, "connected": float(step % 2), "blocked": float(1 - step % 2), "unused": 0.0,
        "unused_age": 60.0 * step, "blocked_age": 60.0 * step, "switches": frozenset({"reuse_sessions"}),
    },
    "a job goes on for some minutes after its browser left": lambda step: {
        "created": 9.0, "destroyed": 8.0, "connected": 0.0, "blocked": float(step > 290), "unused": 0.0,
        "blocked_age": 60.0 * max(0, step - 285), "unused_age": 60.0 * max(0, step - 290),
    },
    "one creation failed once": lambda step: {"created": 9.0, "destroyed": 8.0, "pending": 1.0, "create_errors": 1.0},
    "a server without a sweep": lambda step: {"lifetime": None, "check": None, "swept": None, "unused": 1.0,
                                              "unused_age": 60.0 * step, "created": 1.0},
    "an old server object whose sweep has ended": lambda step: visits(step, swept=START, unused=2.0, unused_age=9.0),
    "little memory is free": lambda step: visits(
        step, malloc_in_use=30 * MB, malloc_resident=80 * MB, malloc_free=55 * MB, rss_anon=110 * MB,
    ),
    "free memory that a trim returned": lambda step: visits(
        step, malloc_in_use=30 * MB, malloc_resident=40 * MB, malloc_free=548 * MB, rss_anon=80 * MB,
    ),
    "resident as it was a minute ago": lambda step: visits(
        step, malloc_in_use=30 * MB, malloc_resident=600 * MB, malloc_free=10 * MB, rss_anon=80 * MB,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HEALTHY)
@pytest.mark.parametrize("minutes", [20, 300, 1600])
def test_no_verdict_on_a_healthy_server(name: str, minutes: int) -> None:
    course = HEALTHY[name]
    if "minutes after" in name and minutes > 300:
        pytest.skip("then it has taken hours")
    found = judged(course, minutes=minutes)
    assert (found.name, [one.text for one in found.evidence]) == ("healthy", [])
    assert found.process_growth_of is None


@pytest.mark.parametrize("period", [10.0, 15.0, 30.0])
def test_a_short_verdict_period_takes_no_warm_up_and_no_saw_tooth_for_growth(period: float) -> None:
    def course(step: int, events: float = 0.0, visits_a_minute: float = 1.0) -> Mapping[str, Any]:
        minute = step * period / 60
        ended = float(int(visits_a_minute * minute))
        blocks = 4e5 + 9e4 * (1 - math.exp(-minute / 15)) * bool(visits_a_minute) + events * step
        return {"created": ended + 1, "destroyed": ended, "connected": 1.0, "blocks": blocks}

    for minutes in (5, 10, 15, 19):
        assert judge(history(course, int(60 * minutes / period), period).points(), Thresholds()).name == "healthy"
    tooth = lambda step: course(step, 6e4 * period / 235, 0.0)  # noqa: E731
    assert judge(history(tooth, int(235 / period), period).points(), Thresholds()).name == "healthy"


@pytest.mark.parametrize("minutes", [5, 13, 19])
def test_a_verdict_period_of_seconds_tells_what_grows_in_the_first_minutes(minutes: int) -> None:
    course = lambda step: visits(step, 1 / 4, begin=0, blocks=5e5 + 2000.0 * step)  # noqa: E731
    assert judge(history(course, 12 * minutes, 5.0).points(), Thresholds()).name == "process_growth"


CLEAN_SOAK: Mapping[str, Course] = {
    "bokeh": lambda step: batches(
        step, retained_sessions=1.0, retained_models=0.0, blocks=5e5 + 60 * settled_sessions(step) + 5e4 * teeth(step,
        1, 25),
        malloc_in_use=40 * MB + 40_000 * settled_sessions(step), rss_anon=60 * MB + 60_000 * settled_sessions(step),
    ),
    "panel": lambda step: batches(
        step, retained_sessions=1.0, retained_models=0.0, pending_sessions=10.0 * (step % 25 > 6), pending_models=70.0,
        blocks=8e5 + 100 * settled_sessions(step) + 3e5 * teeth(step, 1, 25), components=4000 * teeth(step, 1, 25),
        malloc_in_use=70 * MB + 100_000 * settled_sessions(step) + 30 * MB * teeth(step, 1, 25), rss_anon=140 * MB,
    ),
    "a bounded cache of ten": lambda step: batches(
        step, retained_sessions=min(10.0, settled_sessions(step) - 2), retained_models=min(20.0,
        settled_sessions(step)),
    ),
    # Where the last third begins it has just grown full: its floor has grown as the others' have.
    "a cache of 26 that fills late": lambda step: batches(
        step, 5, 13, blocks=5e5 + 5000 * min(26.0, settled_sessions(step, 5, 13)),
    ),
    # Bokeh keeps a dead weak reference to each model that had events.
    "each event builds 45 models anew": lambda step: session(
        step, models=60.0, models_updated=40.0 * 45 * step, blocks=5e5 + 40 * 36.0 * step,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CLEAN_SOAK)
def test_no_verdict_on_a_clean_app_in_soak(name: str) -> None:
    found = judged(CLEAN_SOAK[name], soak=True)
    assert (found.name, [one.text for one in found.evidence]) == ("healthy", [])


# --- retained ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [20, 70, 300, 1440])
@pytest.mark.parametrize(
    ("field", "each"), [("retained_sessions", 1.0), ("retained_models", 2.0), ("retained_sessions", 0.1)]
)
def test_retained_sessions_grow_with_destroyed_ones(minutes: int, field: str, each: float) -> None:
    per_step = 4.0 if each < 1 else 1.0
    course = lambda step: visits(step, per_step, **{field: math.floor(each * max(0, step - 4) * per_step)})  # noqa: E731
    found = judged(course, minutes=minutes)
    assert found.name == "retained_sessions"
    (evidence,) = found.evidence
    assert evidence.app == "/app"
    assert evidence.metric == ("bokeh_sessions_uncollected" if "sessions" in field else "bokeh_models_uncollected")
    assert "explain" in found.advice


def test_fewer_than_ten_destroyed_sessions_say_nothing() -> None:
    course = lambda step: visits(step, 9 / 300, retained_sessions=max(0, step - 3) * 9 / 300)  # noqa: E731
    assert judged(course).name == "healthy"


def test_a_leak_that_began_lately_is_not_lost_in_a_day() -> None:
    course = lambda step: visits(step, 2, retained_sessions=2.0 * max(0, step - 1380) + 1)  # noqa: E731
    assert judged(course, minutes=1440).name == "retained_sessions"


def test_it_ends_when_they_are_freed() -> None:
    course = lambda step: visits(step, retained_sessions=float(step if step < 280 else 1))  # noqa: E731
    assert judged(course).name == "healthy"


def test_the_leaking_app_is_named() -> None:
    def course(step: int) -> dict[str, Any]:
        leaking, clean = visits(step, retained_sessions=float(max(0, step - 5))), visits(step, 9, retained_sessions=1.0)
        return {"apps": {"/clean": clean, "/leaking": leaking}}

    assert [one.app for one in judged(course).evidence] == ["/leaking"]


@pytest.mark.parametrize("each", [1.0, 0.2])
def test_soak_sees_what_is_retained(each: float) -> None:
    course = lambda step: batches(step, retained_sessions=math.floor(each * settled_sessions(step)))  # noqa: E731
    found = judged(course, soak=True)
    assert found.name == "retained_sessions"


def test_a_long_visit_at_first_does_not_hide_what_the_others_keep() -> None:
    def course(step: int) -> dict[str, Any]:
        if step < 5:
            return batches(step, destroyed=0.0, retained_models=0.0)
        return batches(step, retained_models=103.0 + 2 * (settled_sessions(step) - 2))

    assert judged(course, soak=True).name == "retained_sessions"


@pytest.mark.parametrize(("kept", "name"), [(30.0, "retained_sessions"), (10.0, "healthy"), (1.0, "healthy")])
def test_one_collection_at_the_end_must_find_most_of_them(kept: float, name: str) -> None:
    def course(step: int) -> dict[str, Any]:
        last = step == 89
        return {
            "created": min(32.0, step), "destroyed": max(0.0, min(32.0, step - 3)), "connected": 0.0,
            "gc_full": START + 89 if last else START - 30, "retained_sessions": kept if last else 0.0,
        }  # fmt: skip

    assert judged(course, soak=True).name == name


#: A soak on a busy machine: when, when the last full collection began, destroyed sessions, retained models. Twice the
#: same is retained although sessions that were destroyed earlier than the grace ago are more.
LATE = [
    (19.2, 19.2, 2, 12), (23.0, 22.9, 2, 12), (24.6, 22.9, 3, 12), (26.6, 22.9, 8, 12), (27.5, 27.5, 10, 12),
    (28.7, 27.5, 11, 12), (30.7, 27.5, 16, 12), (31.5, 31.5, 17, 12), (34.8, 31.5, 24, 12), (35.3, 35.3, 24, 18),
    (38.9, 35.3, 31, 18), (39.9, 39.9, 32, 78), (42.6, 42.6, 32, 102), (45.0, 44.9, 32, 102), (47.0, 45.3, 32, 102),
    (50.7, 50.7, 32, 192),
]  # fmt: skip


@pytest.mark.parametrize(("stops", "name"), [(1000, "retained_sessions"), (24, "healthy")])
def test_what_is_retained_a_moment_late_is_retained_all_the_same(stops: int, name: str) -> None:
    built = History(whole=True)
    for time, full, destroyed, kept in LATE:
        numbers = {"gc_full": START + full, "destroyed": float(destroyed), "retained_models": float(min(kept, stops))}
        built.add(sample(0, START + time, numbers))
    assert judge(built.points(), Thresholds(), grace=10.0).name == name


def test_what_is_retained_before_its_end_is_sampled_is_retained_all_the_same() -> None:
    """Few samples: when a collection looked, the last one known had far fewer destroyed sessions."""
    built = History(whole=True)
    for time, destroyed, kept in ((0, 0, 0), (3, 5, 1), (6, 12, 12), (9, 12, 12), (12, 12, 12), (15, 12, 12)):
        numbers = {"gc_full": START + time - 0.1, "destroyed": float(destroyed), "retained_sessions": float(kept)}
        built.add(sample(0, START + time, numbers))
    assert judge(built.points(), Thresholds(), grace=0.5).name == "retained_sessions"


# --- lingering ---------------------------------------------------------------------------------------

LINGERING: Mapping[str, tuple[Course, str]] = {
    "age": (lambda step: visits(step, unused=3.0, unused_age=60.0 * step), "age"),
    "sweep": (lambda step: visits(step, unused=1.0 * step, unused_age=60.0 * step, swept=START), "sweep"),
    "blocked": (
        lambda step: {"created": step + 1.0, "destroyed": 0.0, "blocked": float(step), "unused": 0.0, "connected": 0.0,
                      "unused_age": 60.0 * step, "blocked_age": 60.0 * step}, "blocked",
    ),
    "blocked alone, for long": (
        lambda step: visits(step, blocked=1.0, blocked_age=60.0 * step, unused=1.0, unused_age=60.0 * step), "blocked",
    ),
    "reuse": (
        lambda step: {"created": step + 1.0, "destroyed": 0.0, "blocked": float(step), "connected": 1.0, "unused": 0.0,
                      "blocked_age": 60.0 * step, "switches": frozenset({"reuse_sessions"})}, "reuse",
    ),
    "silent": (lambda step: visits(step, connected=1.0, silent_age=60.0 * step), "silent"),
    "pending": (lambda step: visits(step, pending=float(step), create_errors=float(step)), "pending"),
    "probes": (
        lambda step: {"created": 60.0 * step, "destroyed": 60.0 * max(0, step - 1), "connected": 1.0,
                      "never_connected": 57.0 * max(0, step - 1), "unused": 31.0, "unused_age": 32.0}, "probes",
    ),
    "probes before the first is destroyed": (
        lambda step: {"created": 60.0 * step, "destroyed": 0.0, "connected": 0.0, "messages": 0.0,
            "unused": 60.0 * step,
                      "unused_age": 60.0 * step, "lifetime": 86400.0}, "probes",
    ),
    "lifetime": (
        lambda step: {"created": 2.0 * step, "destroyed": max(0.0, 2.0 * step - 240), "connected": 2.0, "messages": 9.0,
                      "unused": min(240.0, 2.0 * step), "unused_age": min(7200.0, 60.0 * step), "lifetime": 7200.0,
                      "never_connected": 0.0}, "lifetime",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LINGERING)
def test_lingering_sessions_and_why(name: str) -> None:
    course, reason = LINGERING[name]
    found = judged(course)
    assert found.name == "lingering_sessions", found
    assert found.reasons == (reason,)
    assert all(one.app == "/app" for one in found.evidence)


def test_a_loop_that_stands_still_makes_no_session_linger() -> None:
    course = lambda step: visits(step, unused=3.0, unused_age=60.0 * step, swept=START, ticked=START)  # noqa: E731
    assert judged(course).name == "healthy"
    found = judged(
        course, stalled=["the event loop has not ticked for 300 s; /app: app.py:view has been running for 300 s"]
    )
    assert (found.name, found.reasons, found.others) == ("event_loop_stalled", ("loop",), ())
    assert "app.py:view" in found.evidence[0].text


def test_browsers_that_answer_late_or_are_pinged_rarely_are_not_silent() -> None:
    between_pings = lambda step: visits(step, connected=1.0, silent_age=37.0 * (step % 8))  # noqa: E731
    assert judged(between_pings).name == "healthy"
    rarely = lambda step: visits(step, connected=1.0, silent_age=599.0, ping_interval=300.0)  # noqa: E731
    assert judged(rarely).name == "healthy"


def test_sessions_that_were_late_once_do_not_linger() -> None:
    course = lambda step: visits(step, unused=3.0, unused_age=500.0 if step == 299 else 9.0)  # noqa: E731
    assert judged(course).name == "healthy"


# --- session growth ----------------------------------------------------------------------------------


def session(step: int, **rest: Any) -> dict[str, Any]:
    """One session stays from the tenth step on and has 40 events a step."""
    events = 40.0 * max(0, step - 10)
    return {"created": 4.0, "destroyed": 3.0, "connected": 1.0, "calls": events, "messages": events, **rest}


GROWING: Mapping[str, tuple[Course, str]] = {
    "models": (lambda step: session(step, models=60 + 8.0 * 40 * max(0, step - 10)), "models"),
    "data": (lambda step: session(step, models=60.0, data_bytes=MB * max(0, step - 10)), "data"),
    "python objects": (lambda step: session(step, models=60.0, blocks=5e5 + 40 * 80.0 * step), "objects"),
    "models in no document": (lambda step: session(step, models=60.0, orphaned=40.0 * step), "models"),
    "bytes": (lambda step: session(step, models=60.0, blocks=5e5, malloc_in_use=40 * MB + MB * step), "bytes"),
    "bytes where malloc does not tell": (
        lambda step: session(step, models=60.0, rss_anon=80 * MB + MB * step),
        "bytes",
    ),
}


@pytest.mark.parametrize("name", GROWING)
@pytest.mark.parametrize("soak", [False, True])
def test_a_session_grows(name: str, soak: bool) -> None:
    course, reason = GROWING[name]
    found = judged(course, soak=True, seconds=60) if soak else judged(course, minutes=60)
    assert found.name == "session_growth"
    assert reason in found.reasons


def test_the_callback_and_what_it_builds_are_named() -> None:
    from bokeh_exporter.diagnose.verdicts.samples import Callback

    def course(step: int) -> dict[str, Any]:
        models = 60 + 300.0 * step
        return session(
            step, models=models, callbacks={("/app", "app.py:redraw"): Callback(40.0 * step, 0.5 * step),
            ("/app", "app.py:tick"): Callback(99.0 * step, 0.1 * step), ("/other", "x:y"): Callback(9.0 * step,
                9.0 * step)},
            built={("/app", "Line"): 4 * 40.0 * step, ("/other", "Div"): 999.0 * step},
        )  # fmt: skip

    (evidence,) = judged(course, minutes=59).evidence
    assert re_has(evidence.text, "app.py:redraw ran", "Line")
    assert "Div" not in evidence.text


def re_has(text: str, *parts: str) -> bool:
    return all(part in text for part in parts)


def held(step: int, grown: Callable[[float], Mapping[str, Any]], stays: bool) -> dict[str, Any]:
    """Soak: batches, then one session for twenty seconds with collections, then nobody."""
    if step < 50:
        return batches(step, **grown(0.0))
    inside = 50 <= step < 72
    amount = (step - 50) / 22 if inside else float(stays)
    return {
        "created": 23.0, "destroyed": 22.0 + (not inside), "connected": float(inside), "calls": 8.0 * (min(step,
            72) - 50),
        "gc_full": START + step if step % 3 == 0 or step > 80 else START + step - step % 3, **grown(amount),
    }  # fmt: skip


@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize(
    "grown",
    [
        lambda amount: {"malloc_in_use": 40 * MB + 40 * MB * amount},
        lambda amount: {"blocks": 5e5 + 20_000 * amount},
        lambda amount: {"orphaned": 200 * amount},
    ],
    ids=["bytes", "objects", "orphans"],
)
def test_what_outlives_the_session_is_the_process_growing(
    stays: bool, grown: Callable[[float], Mapping[str, Any]]
) -> None:
    found = judged(lambda step: held(step, grown, stays), soak=True)
    assert found.name == ("process_growth" if stays else "session_growth")


def test_models_of_one_session_that_has_ended_are_growth_of_it() -> None:
    def course(step: int) -> dict[str, Any]:
        inside = 50 <= step < 72
        return {**held(step, lambda amount: {}, False), "models": 60 + 40.0 * (step - 50) if inside else 0.0}

    assert judged(course, soak=True).name == "session_growth"


# --- process growth ----------------------------------------------------------------------------------

PROCESS: Mapping[str, tuple[Course, str | None]] = {
    "objects": (lambda step: visits(step, blocks=5e5 + 3000.0 * step + 5e4 * teeth(step)), "objects"),
    "classes": (lambda step: visits(step, known_models=400.0 + step, blocks=5e5 + 900 * step), "objects"),
    "frames": (lambda step: visits(step, blocks=5e5 + 60.0 * step, malloc_in_use=40 * MB + 2 * MB * step), None),
    "frames on a server without malloc's numbers": (lambda step: visits(step, blocks=5e5, rss_anon=9e7 + MB * step),
        None),
    "mapped by native code": (
        lambda step: visits(step, blocks=5e5, malloc_in_use=4e7, malloc_free=9e6, rss_anon=9e7 + MB * step), None,
    ),
    "many objects and their bytes": (
        lambda step: visits(step, blocks=5e5 + 20_000.0 * step, malloc_in_use=40 * MB + 2 * MB * step), "objects",
    ),
    "by itself": (
        lambda step: {"created": 3.0, "destroyed": 3.0, "connected": 0.0, "blocks": 5e5,
            "malloc_in_use": 4e7 + MB * step},
        None,
    ),
    "records by itself": (
        lambda step: {"created": 3.0, "destroyed": 3.0, "connected": 0.0, "blocks": 5e5 + 4000.0 * step}, "objects",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROCESS)
def test_the_process_grows_and_what_of(name: str) -> None:
    course, kind = PROCESS[name]
    found = judged(course)
    assert found.name == "process_growth"
    assert found.process_growth_of == kind
    if kind is None:
        assert judged(course, settled="native").process_growth_of == "native"
        assert judged(course, settled="buffers").process_growth_of == "buffers"


@pytest.mark.parametrize(
    ("grown", "kind"),
    [
        (lambda n: {"malloc_in_use": 40 * MB + 6 * MB * n, "blocks": 5e5 + 120 * n}, None),
        (lambda n: {"malloc_in_use": 40 * MB, "blocks": 5e5 + 4000 * n}, "objects"),
        (lambda n: {"known_models": 400 + n}, "objects"),
    ],
)
def test_soak_sees_the_process_grow(grown: Callable[[float], Mapping[str, Any]], kind: str | None) -> None:
    found = judged(lambda step: batches(step, **grown(settled_sessions(step))), soak=True)
    assert (found.name, found.process_growth_of) == ("process_growth", kind)


def test_what_is_retained_explains_that_the_process_grows() -> None:
    course = lambda step: visits(step, retained_models=2.0 * step, blocks=5e5 + 9000.0 * step)  # noqa: E731
    found = judged(course)
    assert (found.name, found.others, found.process_growth_of) == ("retained_sessions", (), None)


def test_what_is_destroyed_and_within_the_grace_is_not_the_process_growing() -> None:
    """Until the grace is over nobody knows whether they stay: a leak of sessions must not be told as another."""
    course = lambda step: visits(step, 2.0, pending_sessions=2.0 * step, blocks=5e5 + 9000.0 * step)  # noqa: E731
    assert judged(course, minutes=20, grace=3600.0).name == "healthy"
    # The first of them are told to stay before they are enough to be called a leak.
    staying = lambda step: visits(  # noqa: E731
        step, 2.0, pending_sessions=2.0, retained_sessions=2.0 * step, blocks=5e5 + 9000.0 * step
    )
    assert judged(staying, minutes=12, grace=300.0).name == "healthy"
    # Some always wait for the collector; that hides no growth.
    waiting = lambda step: visits(step, 2.0, pending_sessions=float(step % 4), blocks=5e5 + 9000.0 * step)  # noqa: E731
    assert judged(waiting).name == "process_growth"


# --- fragmentation, order ----------------------------------------------------------------------------


def fragmented(step: int, **rest: Any) -> dict[str, Any]:
    return visits(
        step,
        malloc_in_use=40 * MB,
        malloc_resident=320 * MB,
        malloc_free=275 * MB,
        rss_anon=360 * MB,
        blocks=5e5,
        **rest,
    )


@pytest.mark.parametrize("soak", [False, True])
def test_freed_memory_that_stays_resident(soak: bool) -> None:
    found = judged(fragmented, soak=soak)
    assert (found.name, found.process_growth_of) == ("fragmentation", None)
    assert "MALLOC_ARENA_MAX" in found.advice


@pytest.mark.parametrize(("each", "leads"), [(1200.0, "fragmentation"), (60_000.0, "process_growth")])
def test_growth_that_explains_little_of_the_memory_does_not_lead(each: float, leads: str) -> None:
    """A table that is bounded far away grows by some kB a visit, while the allocator keeps hundreds of MB."""
    found = judged(
        lambda step: {**fragmented(step), **batches(step, blocks=5e5 + each * settled_sessions(step))}, soak=True
    )
    assert found.name == leads


def test_all_that_hold_are_told_in_order() -> None:
    course = lambda step: fragmented(  # noqa: E731
        step, retained_sessions=float(step), unused=3.0, unused_age=60.0 * step, switches=frozenset({"admin", "warm"})
    )
    found = judged(
        course, stalled=["all 6 worker threads have been busy for 7 s with work waiting: /app: app.py:view (6)"]
    )
    assert found.name == "event_loop_stalled"
    assert found.reasons == ("executor",)
    assert found.others == ("lingering_sessions", "retained_sessions", "fragmentation")
    assert found.beside == ("admin",)
    assert judged(course).name == "lingering_sessions"
