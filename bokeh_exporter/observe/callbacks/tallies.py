"""What takes the numbers of calls: the counters of a user's function, the time of a kind of callback."""

from __future__ import annotations

from collections.abc import Callable

from ...state.queue import Tally
from ..apps import App


def tally(app: App, label: str) -> Tally:
    """Return what takes the busy time of calls of a user's function, one each."""
    app.counter("bokeh_callback_errors_total", label)  # at zero before the first failure
    return Tally(
        app.counter("bokeh_callback_calls_total", label), app.counter("bokeh_callback_busy_seconds_total", label)
    )


def duration(app: App, kind: tuple[str]) -> Callable[[float], None]:
    """Return what takes the seconds of a kind of callback. The kind is in a tuple: what is no tuple is another key."""
    return app.histogram("bokeh_callback_duration_seconds", *kind).observe
