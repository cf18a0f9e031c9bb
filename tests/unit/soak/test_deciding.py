"""A soak ends when its batches exclude a leak that matters, and goes on while they do not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bokeh_exporter.soak.deciding import Counted, decide
from bokeh_exporter.thresholds import Thresholds

THRESHOLDS = Thresholds()
KB = 1000.0


def course(each: Sequence[float], blocks: float = 0.0, visits: int = 7) -> list[Counted]:
    """Return what is read before the visits and after each batch; ``each`` visit of a batch leaves so much."""
    total, seen = 1e7, [Counted(0, 1e7, 400_000.0)]
    for batch, left in enumerate(each, 1):
        total += left * visits
        seen.append(Counted(visits * batch, total, 400_000.0 + blocks * visits * batch))
    return seen


@pytest.mark.parametrize(
    ("each", "blocks", "decided"),
    [
        ((50 * KB, 1 * KB, 1 * KB, 1 * KB), 40.0, True),  # the caches fill first
        ((0, 0, 0, 0), 0.0, True),
        ((300 * KB, 0, 300 * KB, 0), 0.0, False),  # half of it is noise
        ((80 * KB, 120 * KB, 60 * KB, 130 * KB), 0.0, False),
        ((0, 0, 0, 0), 800.0, False),  # blocks alone
        ((200 * KB,) * 8, 0.0, False),  # it grows, whatever the noise
        ((0, 0), 0.0, False),  # too few batches to know the noise
    ],
)
def test_growth_that_matters_is_excluded_or_it_goes_on(each: Sequence[float], blocks: float, decided: bool) -> None:
    known = decide(course(each, blocks), THRESHOLDS)
    assert known.decided == decided
    if decided:
        assert known.bound is not None
        assert known.bound < THRESHOLDS.process_bytes
        assert known.visits == 0


def test_more_batches_exclude_more_and_an_estimate_says_how_many() -> None:
    noisy = (0.0, 240 * KB, -100 * KB, 60 * KB)
    few, many = decide(course(noisy), THRESHOLDS), decide(course(noisy * 8), THRESHOLDS)
    assert few.bound is not None
    assert many.bound is not None
    assert many.bound < few.bound
    assert (few.decided, many.decided) == (False, True)
    assert few.visits is not None
    assert few.visits > 0
    # Nothing can be said of when growth that matters will be excluded.
    assert decide(course((200 * KB, 150 * KB, 250 * KB, 200 * KB)), THRESHOLDS).visits is None


def test_what_is_freed_later_was_not_left_behind() -> None:
    looks = (386_000, 388_000, 388_700, 389_500, 388_200, 388_100)  # of a clean app: garbage that came late
    seen = [Counted(3 * min(look, 4), None, float(blocks)) for look, blocks in enumerate(looks)]
    assert decide(seen, THRESHOLDS).decided


def test_fewer_visits_than_are_needed_to_judge_decide_nothing() -> None:
    assert not decide(course((0, 0, 0, 0), visits=2), THRESHOLDS).decided
    assert not decide([Counted(0, None, None)], THRESHOLDS).decided


def test_without_the_allocators_numbers_blocks_decide() -> None:
    seen = [each._replace(bytes=None) for each in course((0, 0, 0, 0), 40.0)]
    known = decide(seen, THRESHOLDS)
    assert known.decided
    assert known.bound == pytest.approx(4000)
