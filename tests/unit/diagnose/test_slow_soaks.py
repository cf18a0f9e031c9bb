"""Soaks on machines of any speed, as they are sampled: what sessions keep is told, what one leaves is not."""

from __future__ import annotations

import random
import re

import pytest

from bokeh_exporter.diagnose import History, Judgement, judge
from bokeh_exporter.thresholds import Thresholds

from .courses import START, sample

pytestmark = pytest.mark.once

GRACE = 10.0


def soaked(seed: int, sessions: int, late: float, field: str, each: float, leaking: int = 10**6) -> Judgement:
    """Judge one course.

    Args:
        late: seconds by which everything may be late: a look, a session's end, and the return of its destroy().
        field: what the sessions keep, ``each`` so much, the first ``leaking`` of them.
    """
    chance = random.Random(seed)
    ends, looks = [1.0, 6 + 5 * chance.random()], [2.0]
    now = ends[-1] + 2
    looks += [now + 3.75 * look + chance.random() * late for look in range(5)]  # one stays open
    ends.append(now := now + 16 + chance.random() * late)
    for batch in range(4):
        for _ in range((sessions - 1) * (batch + 1) // 4 - (sessions - 1) * batch // 4):
            ends.append(now := now + 0.3 + 0.4 * chance.random() * late)
        looks.append(now := now + 0.7 + chance.random() * late)
    freed = [end + chance.random() * late for end in ends]
    looks += [now + 2.5 * look + chance.random() * late for look in (1, 2, 3)]
    looks.append(max(now, *freed) + GRACE + 0.5 + chance.random() * late)
    between = 0.0
    times = [(look, True) for look in looks]
    while between < max(looks):
        times.append((between, False))
        between += 2 + chance.random() * late

    history, full, kept = History(whole=True), -1e6, 0.0
    for time, collects in sorted(times):
        if collects:
            full = time - 0.05 * late * chance.random()
            kept = each * sum(end <= full - GRACE for end in freed[:leaking])
        numbers = {"gc_full": START + full, "destroyed": float(sum(end <= time for end in ends)), field: kept}
        history.add(sample(0, START + time, numbers))
    return judge(history.points(), Thresholds(), grace=GRACE)


@pytest.mark.parametrize("late", [0.2, 1.0, 3.0, 6.0])
@pytest.mark.parametrize("sessions", [10, 12, 20, 30])
def test_what_each_session_keeps_is_told(sessions: int, late: float) -> None:
    for field, each in (("retained_models", 3.0), ("retained_models", 1.0), ("retained_sessions", 1.0)):
        found = {soaked(seed, sessions, late, field, each).name for seed in range(40)}
        assert found == {"retained_sessions"}, (field, each)


@pytest.mark.parametrize("late", [0.2, 1.0, 3.0, 6.0])
@pytest.mark.parametrize("sessions", [10, 12, 20, 30])
def test_what_the_first_session_leaves_is_not(sessions: int, late: float) -> None:
    for field, each in (("retained_models", 38.0), ("retained_sessions", 1.0)):
        assert {soaked(seed, sessions, late, field, each, leaking=1).name for seed in range(40)} == {"healthy"}, field


@pytest.mark.parametrize("sessions", [12, 24])
def test_no_more_documents_are_kept_than_sessions_were_destroyed(sessions: int) -> None:
    for seed in range(40):
        text = soaked(seed, sessions, 3.0, "retained_sessions", 1.0).evidence[0].text
        counted = re.search(r"of (\d+) destroyed sessions of .*, (\d+) documents", text)
        assert counted is not None, text
        assert int(counted[2]) <= int(counted[1]) <= sessions + 2, text
