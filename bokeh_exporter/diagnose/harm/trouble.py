"""What a sample knows of errors, refusals and slow pages; kept with the samples of the last hour only.

Counters are since the start of the process. A number that is missing is 0 where it counts, else None.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from itertools import chain
from typing import NamedTuple

from ...state.numbers import Numbers

#: Callbacks that are kept, those that raised most.
NAMED = 8


class AppTrouble(NamedTuple):
    """The numbers of one app."""

    created: float = 0.0
    #: Creations that failed, by the step.
    hook: float = 0.0
    script: float = 0.0
    token: float = 0.0
    #: Sessions that a websocket made, whose page came from elsewhere.
    landed: float = 0.0
    #: Those that a program made, and those now that no page has joined.
    by_client: float = 0.0
    without_page: float = 0.0
    #: Seconds and number of builds of documents.
    build_sum: float = 0.0
    build_count: float = 0.0
    #: Seconds and number of pages from launch to ready; Panel only.
    ready_sum: float = 0.0
    ready_count: float = 0.0
    #: Websockets that ended, and those that are open.
    closed: float = 0.0
    connections: float = 0.0
    #: Bytes that browsers have not taken.
    unsent: float = 0.0
    #: Seconds since any open websocket gave its last sign of life.
    silent: float = 0.0
    #: Seconds of age at which websockets are cut off; 0 where they have none in common.
    cut_age: float = 0.0


class Trouble(NamedTuple):
    """The numbers of a moment."""

    apps: Mapping[str, AppTrouble] = {}
    #: (app, callback) -> its calls, and those that raised.
    raised: Mapping[tuple[str, str], tuple[float, float]] = {}
    #: Reason -> websockets refused.
    refused: Mapping[str, float] = {}
    #: Seconds between two pings, and seconds that a page's token is good for.
    keep_alive: float | None = None
    token_lifetime: float | None = None


class PackedApps:
    """The numbers of the apps as one array of doubles, for a history that keeps many."""

    __slots__ = ("apps", "values")
    apps: tuple[str, ...]

    def __init__(self, trouble: Trouble, before: PackedApps | None) -> None:
        names = tuple(trouble.apps)
        self.apps = before.apps if before is not None and before.apps == names else names
        self.values = array("d", chain.from_iterable(trouble.apps.values()))

    def unpacked(self) -> Mapping[str, AppTrouble]:
        """Return them as they were."""
        width = len(AppTrouble._fields)
        return {app: AppTrouble._make(self.values[at * width : (at + 1) * width]) for at, app in enumerate(self.apps)}


_CALLS, _ERRORS = "bokeh_callback_calls_total", "bokeh_callback_errors_total"
_REFUSED = "bokeh_websocket_rejected_total"
_KEEP_ALIVE = "bokeh_server_keep_alive_interval_seconds"
_LIFETIME = "bokeh_server_session_token_lifetime_seconds"
#: Field -> row, and the label after the app; None is any, summed up.
_APP_ROWS: Mapping[str, tuple[str, str | None]] = {
    "created": ("bokeh_sessions_created_total", None),
    "hook": ("bokeh_session_create_errors_total", "hook"),
    "script": ("bokeh_session_create_errors_total", "script"),
    "token": ("bokeh_session_create_errors_total", "token"),
    "landed": ("bokeh_sessions_created_by_websocket_total", "unknown"),
    "by_client": ("bokeh_sessions_created_by_client_total", None),
    "without_page": ("bokeh_sessions_without_page", None),
    "build_sum": ("bokeh_session_create_duration_seconds_sum", None),
    "build_count": ("bokeh_session_create_duration_seconds_count", None),
    "ready_sum": ("panel_render_duration_seconds_sum", None),
    "ready_count": ("panel_render_duration_seconds_count", None),
    "closed": ("bokeh_websocket_closed_total", None),
    "connections": ("bokeh_websocket_connections", None),
    "unsent": ("bokeh_websocket_send_buffer_bytes", None),
    "silent": ("bokeh_websocket_silent_age_max_seconds", None),
    "cut_age": ("bokeh_websocket_cut_age_seconds", None),
}
#: Every row that is read here.
ROWS = frozenset({_CALLS, _ERRORS, _REFUSED, _KEEP_ALIVE, _LIFETIME, *(row for row, _ in _APP_ROWS.values())})


def trouble_of(numbers: Numbers) -> Trouble:
    """Read what harms from the numbers of a moment."""
    apps: dict[str, list[float]] = {}
    for position, (row, wanted) in enumerate(_APP_ROWS.values()):
        for (app, *rest), value in numbers.get(row, {}).items():
            if value and (wanted is None or rest == [wanted]):
                apps.setdefault(app, [0.0] * len(_APP_ROWS))[position] += value
    errors, calls = numbers.get(_ERRORS, {}), numbers.get(_CALLS, {})
    worst = sorted((one for one in errors if errors[one]), key=lambda one: -errors[one])[:NAMED]
    return Trouble(
        {app: AppTrouble._make(values) for app, values in apps.items()},
        {(app, name): (calls.get((app, name), 0.0), errors[app, name]) for app, name in worst},
        {reason: value for (reason,), value in numbers.get(_REFUSED, {}).items() if value},
        numbers.get(_KEEP_ALIVE, {}).get(()),
        numbers.get(_LIFETIME, {}).get(()),
    )
