"""``/api/v1/status``: what the status page and ``doctor`` show, as JSON. Keys are only ever added.

Read in the endpoint's thread, so it answers while the event loop is blocked; ``stale_seconds`` says how old
what the loop was asked for is.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .._version import __version__
from ..catalogue import CATALOGUE, CONTAINER, MEMORY
from ..state import Level, State
from ..state.interactions import Interaction
from ..state.numbers import Numbers, of_state
from .http import Answer, Request

SCHEMA = 1
#: Interactions and callbacks that are listed.
_INTERACTIONS, _CALLBACKS = 200, 50

_SAMPLED = "bokeh_exporter_last_sample_timestamp_seconds"
_HOOKS = "bokeh_exporter_hook_enabled"
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
_SKIPPED = {"bokeh_memory_verdict", "bokeh_memory_attributed_bytes", "bokeh_python_gc_pause_seconds"}
#: Key below ``memory`` -> row.
_MEMORY_ROWS = {
    metric.name.removeprefix("bokeh_").removeprefix("memory_"): metric.name
    for metric in CATALOGUE
    if metric.group in (MEMORY, CONTAINER) and metric.name not in _SKIPPED
} | {"models": "bokeh_models", "models_orphaned": "bokeh_models_orphaned", "components": "panel_components"}

_ROWS = frozenset([_SAMPLED, _HOOKS, *_CALLBACK_ROWS.values(), *_APP_ROWS.values(), *_MEMORY_ROWS.values()])


class Status:
    """The content of ``/api/v1/status``.

    Args:
        state: where the numbers are.
        read: gives the levels that are read now.
        verdict: what holds, with ``name``, ``others``, ``evidence``, ``advice`` and ``since``.
        history: the last hours, as columns.
    """

    def __init__(
        self, state: State, read: Callable[[], list[Level]], verdict: Callable[[], Mapping[str, Any]],
        history: Callable[[], Mapping[str, Sequence[float | None]]],
    ) -> None:  # fmt: skip
        self._state, self._read, self._verdict, self._history = state, read, verdict, history

    def answer(self, request: Request) -> Answer:
        """Answer with the status as JSON."""
        body = json.dumps(_finite(self.content()), separators=(",", ":"), allow_nan=False)
        return Answer(200, body.encode(), "application/json", {"Cache-Control": "no-store"})

    def content(self) -> Mapping[str, Any]:
        """Return the status as plain data."""
        self._state.drain()
        numbers = of_state(self._state, self._read(), _ROWS)
        now, elements = time.time(), self._state.elements
        sampled = numbers.get(_SAMPLED, {}).get(())
        return {
            "schema": SCHEMA,
            "version": __version__,
            "time": now,
            "stale_seconds": None if sampled is None else max(0.0, now - sampled),
            "verdict": self._verdict(),
            "apps": _apps(numbers),
            "hooks": {hook: bool(fits) for (hook,), fits in sorted(numbers.get(_HOOKS, {}).items())},
            "memory": {key: _nested(numbers, row) for key, row in _MEMORY_ROWS.items() if row in numbers},
            "history": self._history(),
            "callbacks": _callbacks(numbers),
            "interactions": elements.recent(_INTERACTIONS) if elements.on else _interactions(self._state.interactions),
            "most_rebuilt": elements.most_rebuilt(),
        }


def _apps(numbers: Numbers) -> list[Mapping[str, Any]]:
    paths = sorted({labels[0] for row in ("bokeh_sessions", _APP_ROWS["created"]) for labels in numbers.get(row, {})})
    return [
        {"app": path, **{key: value for key, row in _APP_ROWS.items() if (value := _nested(numbers, row, path)) != {}}}
        for path in paths
    ]


def _nested(numbers: Numbers, row: str, *prefix: str) -> Any:
    """Return a row's number, or its numbers by their last label; those that begin with other labels are left out."""
    found: dict[str, float] = {}
    for labels, value in numbers.get(row, {}).items():
        if labels[: len(prefix)] == prefix:
            rest = labels[len(prefix) :]
            if not rest:
                return value
            found[rest[-1]] = found.get(rest[-1], 0.0) + value
    return found


def _callbacks(numbers: Numbers) -> list[Mapping[str, Any]]:
    busy = numbers.get(_CALLBACK_ROWS["busy_seconds"], {})
    ranked = sorted(busy, key=lambda labels: -busy[labels])[:_CALLBACKS]
    return [
        {"app": app, "callback": name}
        | {key: numbers.get(row, {}).get((app, name)) for key, row in _CALLBACK_ROWS.items()}
        for app, name in ranked
    ]


def _interactions(records: Iterable[Interaction]) -> list[Mapping[str, Any]]:
    """Return the last interactions, the newest first."""
    newest = itertools.islice(reversed(list(records)), _INTERACTIONS)
    return [
        {
            "time": record.time,
            "app": record.app,
            "kind": record.kind,
            "cause": dict.fromkeys(("widget", "label", "property", "old", "new", "file", "line")),
            "functions": [],
            "models": {"created": record.models, "removed": None, "reused": None},
            "panel": None,
            "holoviews": None,
            "bytes_sent": record.bytes_sent,
            "seconds": record.seconds,
            "rss_change": None,
            "callbacks": record.callbacks,
            "errors": record.errors,
        }
        for record in newest
    ]


def _finite(content: Any) -> Any:
    """Return the content without numbers that JSON does not have."""
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    return [_finite(value) for value in content] if isinstance(content, (list, tuple)) else content
