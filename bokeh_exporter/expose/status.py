"""``/api/v1/status``: what the status page and ``doctor`` show, as JSON. Keys are only ever added.

Read in the endpoint's thread, so it answers while the event loop is blocked; ``stale_seconds`` says how old the sample
is. Pages that are open at once share one reading and its JSON: only what each lacks of the history is its own.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from .._version import __version__
from ..catalogue import CATALOGUE, CONTAINER, MEMORY
from ..state import Level, State
from ..state.numbers import Numbers, of_state
from ..tested import note
from .http import Answer, Request
from .live.interactions import counted_only

SCHEMA = 1
#: Maximum number of interactions that are listed, and of callbacks.
_INTERACTIONS, _CALLBACKS = 200, 50
#: Seconds for which a reading is good enough for another page: half of what lies between two questions of one.
SHARED = 1.0

#: The verdict that has holders.
RETAINED = "retained_sessions"
_SAMPLED = "bokeh_exporter_last_sample_timestamp_seconds"
_HOOKS = "bokeh_exporter_hook_enabled"
_BUILD = "bokeh_exporter_build_info"
_CALLBACK_ROWS = {
    "busy_seconds": "bokeh_callback_busy_seconds_total",
    "calls": "bokeh_callback_calls_total",
    "errors": "bokeh_callback_errors_total",
    "net_blocks": "bokeh_callback_net_blocks",
}
#: Key of an app -> row, whose labels besides the app become keys below it.
_APP_ROWS = {
    "sessions": "bokeh_sessions",
    "created": "bokeh_sessions_created_total",
    "create_errors": "bokeh_session_create_errors_total",
    "destroyed": "bokeh_sessions_destroyed_total",
    "never_connected": "bokeh_sessions_never_connected_total",
    "without_page": "bokeh_sessions_without_page",
    "unused_age_seconds": "bokeh_session_unused_age_max_seconds",
    "blocked_age_seconds": "bokeh_session_expiration_blocked_age_max_seconds",
    "uncollected_sessions": "bokeh_sessions_uncollected",
    "uncollected_models": "bokeh_models_uncollected",
    "uncollected_age_seconds": "bokeh_session_uncollected_age_max_seconds",
    "models": "bokeh_document_models",
    "models_max": "bokeh_document_models_max",
    "data_source_bytes": "bokeh_data_source_size_bytes",
    "attributed_bytes": "bokeh_memory_attributed_bytes",
}
_SKIPPED = {
    "bokeh_memory_verdict", "bokeh_memory_growth_excluded_bytes", "bokeh_memory_seconds_until_limit",
    "bokeh_memory_attributed_bytes", "bokeh_python_gc_pause_seconds",
}  # fmt: skip
#: Key below ``memory`` -> row.
_MEMORY_ROWS = {
    metric.name.removeprefix("bokeh_").removeprefix("memory_"): metric.name
    for metric in CATALOGUE
    if metric.group in (MEMORY, CONTAINER) and metric.name not in _SKIPPED
} | {"models": "bokeh_models", "models_orphaned": "bokeh_models_orphaned", "components": "panel_components"}
#: Key below ``loop`` -> row.
_LOOP_ROWS = {
    "ticked": "bokeh_event_loop_last_tick_timestamp_seconds",
    "stalls": "bokeh_event_loop_stalls_total",
    "threads": "bokeh_python_threads",
    "tasks": "bokeh_asyncio_tasks",
    "executor_threads": "bokeh_executor_threads",
    "executor_queue": "bokeh_executor_queue_length",
}
_ROWS = frozenset(
    [_SAMPLED, _HOOKS, *_CALLBACK_ROWS.values(), *_APP_ROWS.values(), *_MEMORY_ROWS.values(), *_LOOP_ROWS.values()]
)


class Judge(Protocol):
    """What judges, and remembers."""

    #: What ``columns`` needs of the numbers.
    rows: frozenset[str]

    def verdict(self) -> Mapping[str, Any]:
        """Return what holds: ``name``, ``others``, ``evidence``, ``advice`` and ``since``."""

    def columns(self, since: float, numbers: Numbers, now: float) -> Mapping[str, Sequence[float | None]]:
        """Return what came after ``since``, of the last hours, as columns; ``numbers`` are of now."""


class Status:
    """The content of ``/api/v1/status``.

    Args:
        state: where the numbers are.
        read: gives the levels that are read now.
        judge: gives the verdict and the history.
        last_life: how the process before this one ended, where a flight recorder says so.
        known: gives the leaks that are known of the loaded versions, a line each.
        holders: gives who holds retained sessions, as it was found last, by app.
        grown: gives the containers that had grown between the last two searches.
        show_quiet: whether pages list interactions in which nothing of the user's ran.
    """

    def __init__(
        self, state: State, read: Callable[[], list[Level]], judge: Judge, last_life: Mapping[str, Any] | None = None,
        known: Callable[[], list[str]] = list, show_quiet: bool = False,
        holders: Callable[[], Mapping[str, str]] = dict, grown: Callable[[], list[Mapping[str, object]]] = list,
    ) -> None:  # fmt: skip
        self._state, self._read, self._judge, self._last_life = state, read, judge, last_life
        self._show_quiet = show_quiet
        self._known, self._holders, self._grown = known, holders, grown
        self.verdict = judge.verdict
        self._rows = _ROWS | judge.rows
        self._debug: list[str] = []
        #: The newest reading for pages: interactions in it, its time, its numbers, and its JSON without the history.
        self._shared: tuple[tuple[int, bool, str], float, Numbers, str] | None = None

    def offer(self, names: Iterable[str]) -> None:
        """Name what answers below ``/debug``, for the buttons of the page."""
        self._debug = sorted(names)

    def answer(self, request: Request) -> Answer:
        """Answer with the status as JSON.

        ``since=`` a Unix time leaves out what the history has before it, and ``interactions=`` a number all but the
        newest; ``quiet=0`` leaves out those in which nothing of the user's ran, unless the option ``show_quiet`` is on;
        ``session=`` gives those of one, by what stands for its id.
        Who gives ``since`` asks again and again: the answer may be a second old.
        """
        try:
            since = float(request.query.get("since", ["0"])[0])
        except ValueError:
            return _refused("since: must be a Unix time in seconds")
        wanted = request.query.get("interactions", [str(_INTERACTIONS)])[0]
        if not wanted.isdecimal():
            return _refused("interactions: must be the maximum number to list")
        quiet = self._show_quiet or request.query.get("quiet", ["1"])[0] != "0"
        listed = min(int(wanted[:9]), _INTERACTIONS), quiet, request.query.get("session", [""])[0]
        now, numbers, rest = self._reading(listed, "since" in request.query)
        body = f'{rest[:-1]},"history":{_json(self._judge.columns(since, numbers, now))}}}'
        return Answer(200, body.encode(), "application/json", {"Cache-Control": "no-store"})

    def now(self) -> tuple[Numbers, Mapping[str, Any]]:
        """Return the numbers of now, and the status without interactions and history."""
        self._state.drain()
        now, numbers = time.time(), of_state(self._state, self._read(), self._rows)
        return numbers, self._content(numbers, now, 0, quiet=True)

    def _reading(self, wanted: tuple[int, bool, str], shared: bool) -> tuple[float, Numbers, str]:
        """Return the time and the numbers of a reading, and all but the history as JSON."""
        if shared and self._shared is not None:
            listed, then, numbers, rest = self._shared
            if listed == wanted and 0 <= time.time() - then < SHARED:
                return then, numbers, rest
        self._state.drain()
        now, numbers = time.time(), of_state(self._state, self._read(), self._rows)
        rest = _json(self._content(numbers, now, *wanted))
        self._shared = (wanted, now, numbers, rest)
        return now, numbers, rest

    def _content(
        self, numbers: Numbers, now: float, interactions: int, quiet: bool, session: str = ""
    ) -> Mapping[str, Any]:  # fmt: skip
        elements, counted = self._state.elements, self._state.interactions
        sampled = numbers.get(_SAMPLED, {}).get(())
        recent: Any = elements.recent(interactions, quiet, session) if elements.on else None
        recent = counted_only(counted, interactions, quiet) if recent is None else recent
        return {
            "schema": SCHEMA,
            "version": __version__,
            "time": now,
            "stale_seconds": None if sampled is None else max(0.0, now - sampled),
            "verdict": (verdict := self.verdict()),
            "holders": dict(self._holders()) if RETAINED in (verdict["name"], *verdict["others"]) else {},
            "containers": self._grown(),
            "last_life": self._last_life,
            "apps": _apps(numbers),
            "untested": next((note(bokeh, panel) for _, bokeh, panel, _ in numbers.get(_BUILD, {})), None),
            "known_leaks": self._known(),
            "hooks": {hook: bool(fits) for (hook,), fits in sorted(numbers.get(_HOOKS, {}).items())},
            "memory": {key: _nested(numbers[row]) for key, row in _MEMORY_ROWS.items() if row in numbers},
            "loop": {key: _nested(numbers[row]) for key, row in _LOOP_ROWS.items() if row in numbers},
            "debug": self._debug,
            "callbacks": _callbacks(numbers),
            "interactions": recent,
            "quiet_interactions": sum(elements.quiet.copy().values()),
            "most_rebuilt": elements.most_rebuilt(),
        }


def _apps(numbers: Numbers) -> list[Mapping[str, Any]]:
    paths = sorted({labels[0] for row in ("bokeh_sessions", _APP_ROWS["created"]) for labels in numbers.get(row, {})})
    apps: dict[str, dict[str, Any]] = {path: {"app": path} for path in paths}
    for key, row in _APP_ROWS.items():
        # Each row once, not once for each app: with twenty that is half of an answer.
        for labels, value in numbers.get(row, {}).items():
            app = apps.get(labels[0])
            if app is None:
                continue
            if len(labels) == 1:
                app[key] = value
            else:
                by_last = app.setdefault(key, {})
                by_last[labels[-1]] = by_last.get(labels[-1], 0.0) + value
    return list(apps.values())


def _nested(numbers: Mapping[tuple[str, ...], float]) -> Any:
    """Return the number of a row, or its numbers by their last label."""
    found: dict[str, float] = {}
    for labels, value in numbers.items():
        if not labels:
            return value
        found[labels[-1]] = found.get(labels[-1], 0.0) + value
    return found


def _callbacks(numbers: Numbers) -> list[Mapping[str, Any]]:
    busy = numbers.get(_CALLBACK_ROWS["busy_seconds"], {})
    ranked = sorted(busy, key=lambda labels: -busy[labels])[:_CALLBACKS]
    return [
        {"app": app, "callback": name}
        | {key: numbers.get(row, {}).get((app, name)) for key, row in _CALLBACK_ROWS.items()}
        for app, name in ranked
    ]


def _refused(why: str) -> Answer:
    return Answer(400, f"{why}\n".encode(), "text/plain; charset=utf-8")


def _json(content: Any) -> str:
    try:
        return json.dumps(content, separators=(",", ":"), allow_nan=False)
    except ValueError:  # looked for only then: it takes longer than all the rest
        return json.dumps(_finite(content), separators=(",", ":"), allow_nan=False)


def _finite(content: Any) -> Any:
    """Return the content without numbers that JSON does not have."""
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    return [_finite(value) for value in content] if isinstance(content, (list, tuple)) else content
