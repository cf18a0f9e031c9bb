"""What a soak's report says beside its numbers: where memory grew, who stays for a long lifetime, what else harms."""

from __future__ import annotations

from pathlib import Path

import pytest

from bokeh_exporter.diagnose import AppSample, History, Process, Sample
from bokeh_exporter.diagnose.harm.trouble import AppTrouble, Trouble
from bokeh_exporter.soak.plan import Plan
from bokeh_exporter.soak.report import Observed, Report, report
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
    found = Observed(base=looks[0], warm=looks[0], end=looks[-1], sessions=30, points=history.points())
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


def kept(lifetime: float, sessions: float) -> Report:
    """Return the report of a server whose sessions live for so long after their browser has left."""
    history, looks = History(whole=True), []
    for step, unused in enumerate((1.0, 1.0 + sessions)):
        process = Process(1e9 + 10.0 * step, lifetime=lifetime, check=1.0, ticked=1e9 + 10.0 * step, rss_anon=1e8)
        looks.append(Sample(process, {"/app": AppSample(unused=unused, created=1 + unused)}))
        history.add(looks[-1])
    found = Observed(base=looks[0], warm=looks[0], end=looks[-1], sessions=30, points=history.points())
    return report(Plan.of(Path(__file__), host="bokeh"), found, Thresholds(), 3.0)


def test_sessions_that_stay_for_a_long_lifetime_are_the_verdict() -> None:
    """bokeh/bokeh#3770: the sessions of closed tabs stay for ten minutes, and a soak is over before."""
    found = kept(600.0, 30.0)
    assert found.content["verdict"] == "lingering_sessions"
    assert found.content["evidence"] == ["31 sessions of /app have no browser, and each stays for 10 min"]
    assert "--unused-session-lifetime" in found.content["advice"]
    assert kept(120.0, 30.0).healthy, "as configured, and soon gone"
    assert kept(600.0, 4.0).healthy


def test_callbacks_that_raised_stand_beside_a_healthy_verdict() -> None:
    history, looks = History(whole=True), []
    for step in range(3):
        trouble = Trouble({"/app": AppTrouble(created=30)}, {("/app", "app.py:update"): (251.0, 221.0 * step / 2)})
        looks.append(Sample(Process(1e9 + 10.0 * step, rss_anon=1e8), {"/app": AppSample()}, trouble=trouble))
        history.add(looks[-1])
    found = Observed(base=looks[0], warm=looks[0], end=looks[-1], sessions=30, points=history.points())
    said = report(Plan.of(Path(__file__), host="bokeh"), found, Thresholds(), 3.0)
    assert said.healthy
    assert "also harms users: 221 of 251 calls of app.py:update raised since the start" in said.text()
    assert [one["what"] for one in said.content["harm"]] == ["callback_errors"]
