"""Where memory grew, as a soak's report says it: numbers that can be true, else ranks only."""

from __future__ import annotations

from pathlib import Path

import pytest

from bokeh_exporter.diagnose import AppSample, History, Process, Sample
from bokeh_exporter.soak.plan import Plan
from bokeh_exporter.soak.report import Found, Report, report
from bokeh_exporter.thresholds import Thresholds

pytestmark = pytest.mark.once

MB = 1e6


def soaked(callback: float, create: float, end: float, peak: float = 0.0) -> Report:
    """Return the report of a process of 150 MB whose activities gained so much each."""
    rss = (150 * MB, 150 * MB + peak, end)
    history = History(whole=True)
    looks = []
    for step, resident in enumerate(rss):
        app = AppSample(attributed_callback=callback * step / 2, attributed_session_create=create * step / 2)
        looks.append(Sample(Process(1e9 + 10.0 * step, rss_anon=resident), {"/app": app}))
        history.add(looks[-1])
    found = Found(base=looks[0], warm=looks[0], end=looks[-1], sessions=30, points=history.points())
    return report(Plan.of(Path(__file__), host="bokeh"), found, Thresholds(), 3.0)


def test_what_no_activity_gained_is_left_over() -> None:
    """The process grew by 20 MB, of which 12 are known."""
    text = soaked(callback=8 * MB, create=4 * MB, end=170 * MB).text()
    assert "during callback           +8.0 MB" in text
    assert "during session_create     +4.0 MB" in text
    assert "outside these          +8.0 MB" in text


def test_numbers_larger_than_the_process_ever_moved_by_are_ranked_only() -> None:
    """Frames that come and go with each call: +2,420,613,120 bytes in callbacks of a process of 150 MB."""
    found = soaked(callback=2_420_613_120, create=3 * MB, end=152 * MB, peak=50 * MB)
    text = found.text()
    assert "2.4 GB" not in text
    assert "during callback" not in text
    assert "most during         callback, session_create; the numbers exceed the process's own" in text
    assert found.content["attributed_bytes"] == {}
    assert found.content["attributed_rank"] == ["callback", "session_create"]
