"""The age that websockets are cut off at: a proxy's time-out, and not what only looks like one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bokeh_exporter.observe.traffic.cut_ages import CutAges

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("ends", "age"),
    [
        # A time-out of 60 s, and two tabs that lost their network before it.
        ([(60.1, 70), (60.3, 81), (12.0, 90), (60.0, 95), (60.7, 130), (44.0, 140)], 60.3),
        # The network went away for all of them at once, opened when they were.
        ([(61.0, 100), (42.0, 100), (13.0, 100), (80.0, 100), (7.0, 100)], None),
        # Opened together and lost together.
        ([(60.0, 100)] * 12, None),
        # Pages that are left at once.
        ([(1.1, 10), (1.2, 20), (0.9, 30), (1.0, 40), (1.3, 50)], None),
        # Too few.
        ([(60.0, 100), (60.0, 200), (60.1, 300)], None),
        # Ages as they come.
        ([(10.0 * n, 100 * n) for n in range(1, 20)], None),
    ],
)
def test_ages(ends: Sequence[tuple[float, float]], age: float | None) -> None:
    cut = CutAges()
    for each, now in ends:
        cut.note("/app", each, now)
    assert cut.age("/app") == age
    assert cut.age("/other") is None


def test_only_what_is_cut_off_counts_and_only_the_last_ends() -> None:
    cut = CutAges()
    for now in range(9):
        cut.ended("/app", "1001", 0.0)
        cut.note("/app", 60.0, 10.0 * now)
    assert cut.age("/app") == 60.0
    for now in range(20):
        cut.note("/app", 7.0 * now, 1000.0 + now)
    assert cut.age("/app") is None
