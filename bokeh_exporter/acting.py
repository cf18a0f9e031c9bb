"""Composition of what acts on the process: collections, trims and SIGTERM are handed what the observers know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .config import Config
from .control.collecting import Collecting
from .control.sigterm import SigTerm
from .control.trim import Trims
from .observe.frame import Frame
from .observe.hosts import Subscriptions
from .observe.hosts.bokeh_server import rebind_sigterm
from .observe.leaks.ledger import Ledger
from .observe.loop.loops import Loops
from .observe.memory import malloc
from .state import State

#: What their failures are counted under.
COMPONENT = "control"


class Acting:
    """What acts on the process of one exporter.

    Args:
        config: the options.
        state: holds the numbers.
        frame: the observers.
        flush: sends what telemetry has left, as uvicorn ends.
    """

    def __init__(self, config: Config, state: State, frame: Frame, flush: Callable[[], None]) -> None:
        self._frame, self._flush = frame, flush
        self.collecting = Collecting(
            config, state, loops=self.loops, judge=lambda: frame.find(Ledger).drain(),
            oldest_pending=lambda: frame.find(Ledger).oldest_pending, running=lambda thread: frame.running(thread),
        )  # fmt: skip
        self.trims = Trims(
            config, state, loops=lambda: frame.loops(), unsupported=malloc.unsupported, give_back=malloc.trim
        )
        self.on_sigterm = SigTerm()

    def start(self, position: int, holds: Callable[[], bool]) -> None:
        """Subscribe to what is acted on. Before the observers start.

        Args:
            position: where it stands behind the observers.
            holds: whether SIGTERM is to be held back; called in the signal's handler.
        """
        self.on_sigterm.holds = holds
        on = Subscriptions(self._frame.hosts, COMPONENT, position)
        on.changes("terminating", self.on_sigterm.hold_back)
        # uvicorn sends itself the signal again once it has shut down, and nothing runs as Python ends.
        on.around("uvicorn_shutdown", lambda: lambda result, error: self._flush())
        if self.trims.follows_sessions():
            on.after("session_destroying", self.trims.session_ended)
        self._frame.after_sample += [("trims", self.trims.look), ("collecting", self.collecting.look)]

    def serve(self) -> None:
        """Let a loop that has registered SIGTERM already ask us. On that loop."""
        try:
            rebind_sigterm()
        except Exception as error:
            self._frame.state.swallow(COMPONENT, error)

    def loops(self) -> list[tuple[asyncio.AbstractEventLoop, int]]:
        """List the loops that run, with the threads that run them."""
        sites = self._frame.find(Loops).sites()
        return [(loop, each.thread) for each in sites if (loop := each.loop()) is not None]

    def debug(self) -> dict[str, Callable[[], dict[str, Any]]]:
        """Return what debugging offers that acts or stops the process."""
        return {"trim": lambda: self.trims.trim().as_json(), "census": _census}


def _census() -> dict[str, Any]:
    from .diagnose.heap.census import census  # few processes are ever asked

    return census().as_json()
