"""Sessions whose browser has gone and that stay: each reason has its own test, and each must hold for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ...thresholds import Thresholds
from .fields import AppSample
from .history import Point
from .judgement import LINGERING, Evidence
from .samples import Sample
from .series import duration

#: A loop that has not ticked for this long is another verdict's, and its snapshot is old.
_TICKED = 5.0
#: Of sessions destroyed lately, the share without a browser ever that makes them probes.
_PROBES = 0.5
#: Sessions that may stay blocked or pending for long before their number speaks for itself.
_FEW = 3
#: Seconds for which many unused sessions are looked at, however long they may live.
_LONG = 300.0
#: Pings in a row that a browser leaves unanswered, and the seconds between two where nobody says (Bokeh's default).
#: A laptop that sleeps answers none, and TCP gives its connection up after a quarter of an hour.
_UNANSWERED, _PING = 10, 37.0
#: Times as long as an unused session: a long job may go on after its browser has left.
_BLOCKED, _BLOCKED_FEW = 2.0, 10.0


def lingering(points: Sequence[Point], thresholds: Thresholds) -> list[Evidence]:
    """Return the evidence for lingering sessions."""
    last = points[-1].last
    process = last.process
    if process.ticked is None or process.time - process.ticked > _TICKED:
        return []
    if process.lifetime is None or process.check is None:
        return []  # no sweep (bokeh-django), so nothing is late
    limit = max(thresholds.linger_factor * (process.lifetime + process.check), thresholds.linger_seconds)
    found = []
    for app in last.apps:
        found += list(_of_app(app, points, thresholds, limit))
    return found


def _of_app(app: str, points: Sequence[Point], thresholds: Thresholds, limit: float) -> Iterator[Evidence]:
    last, now = points[-1].last, points[-1].last.apps[app]
    silent = max(limit, _UNANSWERED * (last.process.ping_interval or _PING))
    tests: Sequence[tuple[float, Callable[[Sample, AppSample], bool], Callable[[], Evidence]]] = (
        (
            thresholds.linger_seconds,
            # Where some are blocked, the longest age may be theirs.
            lambda sample, each: bool(each.unused) and not each.blocked and (each.unused_age or 0) > limit,
            lambda: _aged(app, last, thresholds, limit),
        ),
        (
            0.0,
            lambda sample, each: bool(each.connected) and (each.silent_age or 0) > silent,
            lambda: Evidence(
                LINGERING, f"a browser of {app} has not answered for {duration(now.silent_age or 0)}, and its session "
                "counts as connected all the same: Bokeh pings and never looks for the answer",
                "bokeh_websocket_silent_age_max_seconds", now.silent_age, app, "silent",
            ),
        ),
        (
            _BLOCKED * limit if (now.blocked or 0) >= _FEW else _BLOCKED_FEW * limit,
            lambda sample, each: (each.blocked or 0) >= (_FEW if "reuse_sessions" in last.switches else 1),
            lambda: _blocked(app, last),
        ),
        (
            max(_BLOCKED * limit, 60.0),
            lambda sample, each: (each.pending or 0) >= _FEW,
            lambda: Evidence(
                LINGERING, f"{now.pending:.0f} sessions of {app} are never finished being created: their "
                "creation failed or waits", "bokeh_sessions", now.pending, app, "pending",
            ),
        ),
        (
            min(limit, _LONG),
            lambda sample, each: (each.unused or 0) >= thresholds.unused_sessions,
            lambda: _many(app, points, thresholds),
        ),
    )  # fmt: skip
    for seconds, holds, say in tests:
        if _held(points, app, seconds, holds):
            evidence = say()
            if evidence.reason:
                yield evidence


def kept_for(lifetime: float, unused: float, app: str) -> Evidence:
    """Return the evidence that many sessions without a browser stay for their long lifetime, in seconds."""
    text = f"{_sessions(unused, app, 'has', 'have')} no browser, and each stays for {duration(lifetime)}"
    return Evidence(LINGERING, text, "bokeh_sessions", unused, app, "lifetime")


def _held(points: Sequence[Point], app: str, seconds: float, holds: Callable[[Sample, AppSample], bool]) -> bool:
    """Whether something has been so for at least that long, and at the last two points."""
    since = None
    count = 0
    for point in reversed(points):
        sample = point.last.apps.get(app)
        if sample is None or not holds(point.last, sample):
            break
        since, count = point.time, count + 1
    return since is not None and count >= 2 and points[-1].time - since >= seconds


def _sessions(number: float | None, app: str, one: str, more: str) -> str:
    """Write how many sessions, with the verb that follows."""
    return f"1 session of {app} {one}" if number == 1 else f"{number or 0:.0f} sessions of {app} {more}"


def _aged(app: str, sample: Sample, thresholds: Thresholds, limit: float) -> Evidence:
    now, process = sample.apps[app], sample.process
    age = now.unused_age or 0
    swept = None if process.swept is None or process.check is None else process.time - process.swept
    # A sweep that runs, even a late one, has been here since.
    if swept is not None and swept > max(limit / 2, 2 * (process.check or 0), thresholds.linger_seconds):
        return Evidence(
            LINGERING, f"the sweep of unused sessions last finished {duration(swept)} ago, although it is due every "
            f"{process.check:g} s: a session-destroyed hook hangs. {_sessions(now.unused, app, 'waits', 'wait')}",
            "bokeh_session_cleanup_last_completed_timestamp_seconds", swept, app, "sweep",
        )  # fmt: skip
    return Evidence(
        LINGERING, f"a session of {app} has had no browser for {duration(age)}; the sweep should remove it after "
        f"{(process.lifetime or 0) + (process.check or 0):g} s, {limit:g} s at most",
        "bokeh_session_unused_age_max_seconds", age, app, "age",
    )  # fmt: skip


def _blocked(app: str, sample: Sample) -> Evidence:
    now = sample.apps[app]
    if "reuse_sessions" in sample.switches:
        text, reason = "--reuse-sessions keeps each of them, and its key is unbounded (?theme= by default)", "reuse"
    else:
        text, reason = "a callback holds the document lock, or the app blocks expiration", "blocked"
    return Evidence(
        LINGERING, f"{_sessions(now.blocked, app, 'has', 'have')} had no browser and could not expire for "
        f"{duration(now.blocked_age or 0)}: {text}",
        "bokeh_session_expiration_blocked_age_max_seconds", now.blocked_age, app, reason,
    )  # fmt: skip


def _many(app: str, points: Sequence[Point], thresholds: Thresholds) -> Evidence:
    last, first = points[-1].last, points[0].last.apps.get(app, AppSample())
    now, process = last.apps[app], last.process
    destroyed = (now.destroyed or 0) - (first.destroyed or 0)
    never = (now.never_connected or 0) - (first.never_connected or 0)
    probes = never >= _PROBES * destroyed if destroyed else not now.messages
    if probes:
        return Evidence(
            LINGERING, f"{_sessions(now.unused, app, 'waits', 'wait')} for a browser that never connects, and "
            f"{never:.0f} of the last {destroyed:.0f} destroyed never had one: probes or bots request its page",
            "bokeh_sessions_never_connected_total", never, app, "probes",
        )  # fmt: skip
    if (process.lifetime or 0) >= thresholds.long_lifetime and (now.unused or 0) > 3 * (now.connected or 0):
        return kept_for(process.lifetime or 0, now.unused or 0, app)
    return Evidence(LINGERING, "many sessions are unused, each within its lifetime")
