"""Visits: open the page, use it, stay, leave; many one after the other, some at a time."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from tornado.websocket import WebSocketClosedError

from .plan import Plan
from .visitor import CallbackError, Tab, Unanswered, VisitError

#: Uses of each widget and button in a visit.
ROUNDS = 3
#: Uses of all together in the long one.
USES = 100
#: Seconds that an ordinary visit lasts after its last use, for what the page does by itself.
STAY = 0.3
#: Seconds to wait for the answer to a use, and once one had none: that session is stuck, and so will others be.
ANSWER, STUCK = 10.0, 1.0
#: Uses that may be slow: nobody waits for a hundred of them.
SLOW_USES = 3


class Visits:
    """The visitors of one server.

    Args:
        plan: what they do.
        url: of the app's page.
        slow_after: seconds from which on an answer is slow.

    Attributes:
        opened: how many pages so far.
        uses: how many times a widget was moved or a button clicked.
        errors: answers that were errors: the app's callback raised.
        unanswered: uses without an answer.
        slow: uses whose answer took long.
    """

    def __init__(self, plan: Plan, url: str, slow_after: float = 5.0) -> None:
        self._plan, self._url, self._slow_after = plan, url, slow_after
        self.opened = self.uses = self.errors = self.unanswered = self.slow = 0
        # Two pages that are built at once keep the server so long from the first one's websocket that the sweep
        # takes its session for unused.
        self._opening = asyncio.Lock()

    async def open(self) -> Tab:
        """Open the page.

        Raises:
            VisitError: it cannot be had.
        """
        async with self._opening:
            self.opened += 1
            query = self._plan.query.format(i=self.opened)
            try:
                return await Tab.open(self._url, query)
            except VisitError:
                # On a busy machine the sweep takes a session whose websocket comes late: it has no document any more.
                return await Tab.open(self._url, query)

    async def use(self, tab: Tab, times: int, first: int = 0) -> int:
        """Use everything on the page in turn, ``times`` uses or until the server stops answering; return how many."""
        for done in range(times):
            if not tab.controls or self.slow >= SLOW_USES or not await self._use(tab, first + done):
                return done
        return times

    async def _use(self, tab: Tab, number: int) -> bool:
        at, turn = number % len(tab.controls), number // len(tab.controls)
        self.uses += 1
        begun = time.monotonic()
        try:
            await tab.send(tab.controls[at].move(turn), STUCK if self.unanswered else ANSWER)
        except CallbackError:
            self.errors += 1
            try:
                # It may be that the widget is gone; the page of a browser has noticed that long ago.
                await tab.pull(ANSWER)
            except (CallbackError, Unanswered, WebSocketClosedError):
                return False
        except Unanswered:
            self.unanswered += 1
            return False
        except WebSocketClosedError:
            return False
        self.slow += time.monotonic() - begun > self._slow_after
        return True

    async def visit(self) -> None:
        """Make one ordinary visit."""
        tab = await self.open()
        try:
            await self.use_as_others(tab)
            await asyncio.sleep(STAY)
        finally:
            await tab.close()

    async def use_as_others(self, tab: Tab) -> None:
        """Use everything on the page a few times, if visitors are to use it at all."""
        if self._plan.interact:
            await self.use(tab, ROUNDS * len(tab.controls))

    async def visits(self, number: int, seconds: float, progress: Callable[[], None]) -> int:
        """Make at least ``number`` visits, and go on for at least ``seconds``; return how many."""
        end, started = time.monotonic() + seconds, 0

        async def visitor() -> None:
            nonlocal started
            while started < number or time.monotonic() < end:
                started += 1
                await self.visit()
                progress()

        # One that fails ends them all, and none is left behind.
        tasks = [asyncio.create_task(visitor()) for _ in range(min(self._plan.concurrency, number))]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return started

    def uses_of_a_long_visit(self, tab: Tab) -> int:
        """How many uses the long visit makes: each widget as often as in others, all at least a hundred times."""
        count = len(tab.controls)
        return count * max(ROUNDS, math.ceil(USES / count)) if self._plan.interact and count else 0
