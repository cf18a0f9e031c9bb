"""Interactions below the level of the ledger have the keys that whoever waits for one reads."""

from __future__ import annotations

import pytest

from bokeh_exporter.expose.live.interactions import counted_only
from bokeh_exporter.state.interactions import Interactions

pytestmark = pytest.mark.once


def test_they_say_whether_they_are_over() -> None:
    known = Interactions()
    over, runs, new = (known.begin("/app", "property") for _ in range(3))
    over.seconds = runs.seconds = 0.1
    known.enter(runs.number)
    rows = {row["number"]: row["finished"] for row in counted_only(known, 10, True)}
    assert list(rows.values()) == [False, False, True]  # the newest first
    assert new.running == 0
