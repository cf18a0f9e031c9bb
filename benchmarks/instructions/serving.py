"""A server with parts of the exporter taken away: ``python -m benchmarks.instructions.serving PARTS TOOL serve ...``.

PARTS says what the server has, by names that are joined with commas: ``bare`` is no exporter, ``whole`` all of it, and
what follows ``whole`` is taken away. The bare server goes the same way in, so nothing else differs. What is taken
away is taken by replacing constants and functions of ours before the exporter is installed; our own code knows nothing
of it.
"""

from __future__ import annotations

import contextvars
import functools
import gc
import inspect
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bokeh_exporter

#: Seconds that do not come to an end within a measurement.
_NEVER = 1e6
#: Called once when the first session is there.
AFTER_FIRST: list[Callable[..., None]] = []
#: The options that the exporter is installed with.
OPTIONS: dict[str, Any] = {}


def _no_ticks() -> None:
    from bokeh_exporter.observe.loop import loops

    loops.TICK = _NEVER


def _no_samples() -> None:
    OPTIONS["sample_period"] = 3600.0


def _no_endpoint() -> None:
    OPTIONS["prometheus"] = False


def _no_watcher() -> None:
    from bokeh_exporter.observe.loop.watcher import Watcher

    Watcher.start = lambda self: None  # type: ignore[method-assign]


def _slow_watcher() -> None:
    from bokeh_exporter.observe.loop import watcher

    watcher.PERIOD = _NEVER


class _NoVariable:
    """Stands for the context variable of the interaction: nothing is copied when a task starts."""

    name = "nothing"

    def get(self, default: int = 0) -> int:
        return default

    def set(self, value: int) -> None:
        return None

    def reset(self, token: None) -> None:
        return None


def _no_variable() -> None:
    from bokeh_exporter.state import interactions

    interactions.current = _NoVariable()  # type: ignore[assignment]


def _wrappers(make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replace the wrappers of classes, once the first session is made: without hooks nothing of ours would start."""
    from bokeh_exporter.observe.hosts.patches import Patches

    install, found = Patches.install, []

    def installed(patches: Patches, owner: Any, name: str, *rest: Any, **named: Any) -> None:
        entry = vars(owner).get(name)
        install(patches, owner, name, *rest, **named)
        if isinstance(owner, type) and callable(entry):
            found.append((owner, name, entry))

    def replace(*signal: object) -> None:
        # The last first: where two of ours wrap a function, the first of them has its original.
        for owner, name, entry in reversed(found):
            setattr(owner, name, make(entry))

    Patches.install = installed  # type: ignore[method-assign,assignment]
    AFTER_FIRST.append(replace)


def _passing(original: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def passing_async(*args: Any, **kwargs: Any) -> Any:
            return await original(*args, **kwargs)

        return passing_async

    @functools.wraps(original)
    def passing(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs)

    return passing


#: What can be taken away, by name. ``wrappers`` leaves wrappers that do nothing, ``hooks`` the originals.
TAKEN: dict[str, Callable[[], None]] = {
    "ticks": _no_ticks,
    "samples": _no_samples,
    "endpoint": _no_endpoint,
    "watcher": _no_watcher,
    "looks": _slow_watcher,
    "variable": _no_variable,
    "wrappers": lambda: _wrappers(_passing),
    "hooks": lambda: _wrappers(lambda original: original),
}


def _settle() -> None:
    """Take away what is taken away late, and the collector: messages cause none, and one of its runs is ten of them."""
    for call in AFTER_FIRST:
        call()
    gc.collect()
    gc.disable()


#: The file that says that what was recorded has been applied.
APPLIED = "applied"


def main(parts: str, tool: str, *arguments: str) -> None:
    """Serve."""
    # A folder of its own for its local socket: other exporters of this user look for each other's, and ask.
    tempfile.tempdir = os.environ.get("COUNTS_FOLDER")
    has, *taken = parts.split(",")
    exporter = None
    if has == "whole":
        for name in taken:
            TAKEN[name]()
        from bokeh_exporter.observe.memory import readings

        # All that follows is near in time, as in a row of messages without callgrind: else the counts would depend
        # on what else the machine does. What comes alone has two readings more, which are in no count.
        readings.FRESH = readings.CLOSE = _NEVER
        exporter = contextvars.Context().run(bokeh_exporter.install, **OPTIONS)

    # A bare server has a handler as well: what Python does for a signal is in both counts.
    def apply(*arguments: object) -> None:
        if exporter is not None:
            exporter.state.drain()
        Path(tempfile.gettempdir(), APPLIED).touch()

    signal.signal(signal.SIGUSR1, apply)
    signal.signal(signal.SIGUSR2, lambda *_: _settle())
    sys.argv = [tool, *arguments]
    if tool == "panel":
        from panel.command import main as serve
    else:
        from bokeh.__main__ import main as serve
    serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
