"""The counters of a user's function."""

from __future__ import annotations

from ...state.queue import Tally
from ..apps import App


def tally(app: App, label: str) -> Tally:
    """Return what takes the busy time of calls of a user's function, one each."""
    app.counter("bokeh_callback_errors_total", label)  # at zero before the first failure
    return Tally(
        app.counter("bokeh_callback_calls_total", label), app.counter("bokeh_callback_busy_seconds_total", label)
    )
