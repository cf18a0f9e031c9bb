"""A wall clock that is set: it is logged once, and nothing that is periodic waits for it."""

from __future__ import annotations

import pytest

from bokeh_exporter.observe.loop.clocks import WallClock


@pytest.mark.parametrize(("jump", "said"), [(-172_800.0, "set back by 172800 s"), (3600.0, "went forward by 3600 s")])
def test_a_jump_is_logged_once(jump: float, said: str, caplog: pytest.LogCaptureFixture) -> None:
    wall, monotonic = [1_700_000_000.0], [50.0]
    clock = WallClock(lambda: wall[0], lambda: monotonic[0])
    for step in range(6):
        wall[0] += 0.25 + (jump if step == 2 else 0.0)
        monotonic[0] += 0.25
        clock.look()
    assert [said in record.getMessage() for record in caplog.records] == [True]


def test_what_ntp_corrects_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    wall, monotonic = [0.0], [0.0]
    clock = WallClock(lambda: wall[0], lambda: monotonic[0])
    for _ in range(100):
        wall[0] += 0.3
        monotonic[0] += 0.25
        clock.look()
    assert caplog.records == []
