"""How many bytecodes of ours a message takes: ``python -m benchmarks.instructions.bytecodes``, in seconds, exactly.

The guard of CI reads it (tests/front_door/test_cost.py, on Python 3.11). Under callgrind a server alone takes longer to
start than the guard may; bytecodes are nearly the same in each run and on each machine. They leave out what C does for
them, and what tasks and locks of ours cost Bokeh: so they show that hooks have come to do more, not what that costs.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any

from bokeh.application import Application
from bokeh.application.handlers.script import ScriptHandler
from bokeh.server.server import Server

import bokeh_exporter
from bokeh_exporter.observe.loop import loops, watcher
from bokeh_exporter.observe.memory import readings

from ..clients import Session
from ..servers import PLAIN

_OURS = str(Path(bokeh_exporter.__file__).parent)
#: The visitor's side, which runs in this process as well.
_VISITOR = str(Path(_OURS, "clients"))
#: A multiple of 16: of so many messages one looks at the clock.
_COUNTED = 32


class Bytecodes:
    """Counts the bytecodes that run in files of ours, in this thread."""

    def __init__(self) -> None:
        self.count = 0

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Be called by Python; follow frames of ours only."""
        file = frame.f_code.co_filename
        if not file.startswith(_OURS) or file.startswith(_VISITOR):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._follow

    def _follow(self, frame: FrameType, event: str, argument: Any) -> Any:
        self.count += event == "opcode"
        return self._follow


async def measure() -> dict[str, float]:
    """Serve, and return the bytecodes of ours per operation, those of what is booked later among them."""
    # What goes by the clock would be counted now and then; the watcher's thread, which is not traced, would take some.
    loops.TICK = watcher.PERIOD = readings.CLOSE = readings.FRESH = 1e6
    exporter = bokeh_exporter.install(prometheus=False, sample_period=3600.0, stall_after=86400.0)
    app = Application(ScriptHandler(filename=str(PLAIN.file)))
    server = Server({"/plain": app}, port=0, allow_websocket_origin=["*"])
    server.start()
    url, value = f"http://127.0.0.1:{server.port}/plain", 0
    session = await Session.visit(url)
    slider, button = session.model("Level"), session.model("Press")

    async def change() -> None:
        nonlocal value
        value = value % 1000 + 1
        await session.change(slider, value)

    async def visit() -> None:
        await Session.visit(url)

    async def run(operation: Callable[[], Awaitable[object]], times: int) -> int:
        codes = Bytecodes()
        sys.settrace(codes.trace)
        try:
            for _ in range(times):
                await operation()
            exporter.state.drain()
        finally:
            sys.settrace(None)
        return codes.count

    async def count(operation: Callable[[], Awaitable[object]], times: int) -> float:
        # The first run meets what is looked up once; the difference of the others leaves out what each takes by itself.
        _, once, twice = [await run(operation, number) for number in (times, times, 2 * times)]
        return (twice - once) / times

    counts = {
        "message": await count(change, _COUNTED),
        "button": await count(lambda: session.press(button), _COUNTED),
        "creation": await count(visit, 4),
    }
    exporter.close()
    server.stop()
    return counts


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    print(json.dumps(asyncio.run(measure())))
