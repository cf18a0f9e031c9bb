"""What is counted under callgrind: a message, a button, a session that is made, each often enough to be told apart."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from ..clients import Session
from ..servers import App
from .callgrind import CountedServer, Phase

#: Operations before the first that is counted: Python specialises its code while it runs.
_WARM = 60
#: What goes by the clock is taken away where operations are counted.
_UNTIMED = ("ticks", "samples", "looks")


#: Seconds for which a server idles before that is counted, and while it is.
_SETTLES, _IDLES = 4.0, 10.0


@dataclass(frozen=True)
class Phases:
    """One phase of some operations, and one of twice as many: their difference is what operations take."""

    once: Phase
    twice: Phase
    times: float

    def each(self, number: Callable[[Phase], float]) -> float:
        """Return what one operation adds to a number of a phase."""
        return (number(self.twice) - number(self.once)) / self.times


async def idle(app: App, parts: str, level: str | None, *, simulated: bool = False) -> Phase:
    """Start a server, and count what it runs while one session is open and nobody does anything."""
    with CountedServer(app, parts, level, simulated=simulated) as server:
        await asyncio.to_thread(server.wait)
        session = await Session.visit(server.url)
        server.count()
        await asyncio.sleep(_SETTLES)
        with server.phase() as phase:
            await asyncio.sleep(_IDLES)
        await session.close()
    return phase


async def operations(
    app: App, parts: str, level: str | None, times: Mapping[str, int], *, simulated: bool = False
) -> dict[str, Phases]:
    """Start a server without timers, and count what its operations take.

    Args:
        app: what it serves.
        parts: what of the exporter it has, see :mod:`.serving`.
        level: how deep it collects.
        times: how many of each; none of those that are not named.
        simulated: whether caches and branches are simulated.
    """
    untimed = ",".join((parts, *_UNTIMED)) if parts != "bare" else parts
    with CountedServer(app, untimed, level, simulated=simulated) as server:
        await asyncio.to_thread(server.wait)
        sessions = [await Session.visit(server.url)]
        session, value = sessions[0], 0
        session.whole = True
        slider, button = session.model("Level"), session.model("Press")

        async def change() -> None:
            nonlocal value
            value = value % 1000 + 1
            await session.change(slider, value)

        async def press() -> None:
            await session.press(button)

        async def visit() -> None:
            sessions.append(await Session.visit(server.url))

        async def each(operation: Callable[[], Awaitable[None]], times: int) -> Phases:
            # The first shows code that is new.
            phases = []
            for count in (times // 4 + 1, times, 2 * times):
                with server.phase() as phase:
                    for _ in range(count):
                        await operation()
                phases.append(phase)
            return Phases(phases[1], phases[2], times)

        for _ in range(_WARM):
            await change()
            await press()
        os.kill(server.pid, signal.SIGUSR2)  # it takes away what is taken away late, see ``serving``
        await visit()
        server.count()
        known = {"message": change, "button": press, "creation": visit}
        return {name: await each(known[name], number) for name, number in times.items() if number}
