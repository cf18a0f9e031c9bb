"""Every threshold once, with its reason; alerts, the lines in boards and the documentation read it here."""

from __future__ import annotations

from typing import NamedTuple

MIB = 2**20


class Threshold(NamedTuple):
    """A number that an alert compares with."""

    value: float
    unit: str
    why: str

    def __str__(self) -> str:
        return f"{self.value:.10g}"


THRESHOLDS: dict[str, Threshold] = {
    "linger_factor": Threshold(
        3, "times lifetime + check interval", "A healthy session is gone after one lifetime and one look of the sweep"
    ),
    "linger_floor": Threshold(5, "s", "With lifetimes under a second one slow sweep is no news"),
    "cleanup_factor": Threshold(
        10, "check intervals", "The sweep does not overlap itself; one slow destroy is no stall"
    ),
    "cleanup_extra": Threshold(60, "s", "Short check intervals are late by a scrape and a slow destroy"),
    "destroyed": Threshold(10, "sessions", "A healthy server keeps one destroyed session; a trend needs ten"),
    "retained_sessions": Threshold(5, "sessions", "Clean Bokeh and clean Panel keep one each, for good"),
    "retained_share": Threshold(0.1, "of the destroyed sessions", "A leak on a path that one visit in ten takes"),
    "retained_models": Threshold(
        0.5, "models per destroyed session", "A leak of models alone keeps one or more per session"
    ),
    "growth_blocks": Threshold(100_000, "Python blocks per hour", "About 10 MiB of small objects, twice in a row"),
    "growth_bytes": Threshold(32 * MIB, "bytes per hour", "768 MiB a day, twice in a row"),
    "growth_visits": Threshold(
        10, "sessions created per hour", "Below it growth is a session's own, above it a visit's"
    ),
    "session_models": Threshold(100, "models per session and hour", "A large dashboard has hundreds, but once"),
    "session_callbacks": Threshold(
        10, "callbacks per session", "Each view of an app has a few timers, and keeps their number"
    ),
    "fragmentation_share": Threshold(0.5, "of the allocator's resident memory", "Half of it holds nothing"),
    "fragmentation_bytes": Threshold(256 * MIB, "bytes", "Below this nobody gains by giving it back"),
    "memory_share_warning": Threshold(0.5, "of the limit", "Warm-up is steep, and ends below half of the limit"),
    "memory_share_critical": Threshold(0.7, "of the limit", "Two hours ahead, and little left"),
    "stall_age": Threshold(10, "s without a tick", "/healthz answers 503 from then on"),
    "lag_p99": Threshold(0.5, "s", "A click that waits half a second feels broken; destroying a session takes 0.1 s"),
    "create_error_budget": Threshold(0.01, "of the creations", "99 of 100 pages open"),
    "burn_fast": Threshold(14.4, "times the budget", "2 % of a month's budget in an hour"),
    "burn_slow": Threshold(6, "times the budget", "5 % of a month's budget in six hours"),
    "create_errors": Threshold(5, "errors", "One failure of three visits at night is not a rate"),
    "never_connected_share": Threshold(0.5, "of the destroyed sessions", "Most pages are fetched by no browser"),
    "restarts": Threshold(3, "starts per hour", "One is a deployment, two a deployment that was taken back"),
    "refused_share": Threshold(0.5, "of the created sessions", "A tab left open overnight is refused too, but rarely"),
    "refused": Threshold(5, "refusals in 15 minutes", "A scanner's single try is no visitor"),
    "landed_share": Threshold(
        0.2, "of the created sessions", "Without stickiness two servers give a third, more servers more"
    ),
    "landed": Threshold(5, "sessions in 15 minutes", "A tab that comes back after a restart is one, not a rate"),
    "callback_error_share": Threshold(0.5, "of the calls", "Fails for most users, not for one odd input"),
    "callback_errors": Threshold(10, "errors in 15 minutes", "A callback that runs twice and fails once is no rate"),
    "never_connected": Threshold(20, "sessions per hour", "A person's curl now and then is nobody's problem"),
}


def at(key: str) -> str:
    """Return a threshold as PromQL writes it."""
    return str(THRESHOLDS[key])
