"""Visits: open the page, use it, stay, leave; many one after the other, some at a time."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable

from tornado.websocket import WebSocketClosedError

from .plan import Plan
from .visitor import CallbackError, Tab, Unanswered, VisitError
from .widgets import Control

#: Uses of each widget and button in a visit.
ROUNDS = 3
#: Uses of all in an ordinary visit at most: a page that shows one more with each use has no end.
MOST = 300
#: Seconds that what was started runs before something else is used, and seconds of that in all. A periodic callback
#: has a period of a second and less.
RUNNING, EXPLORING = 2.5, 30.0
#: Seconds of using the page in an ordinary visit, and in each of the four parts of the long one: a chat takes a second
#: for each answer.
PART = 15.0
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
        slow_after: seconds above which an answer is slow.

    Attributes:
        opened: how many pages so far.
        uses: how many times a widget was moved or a button clicked.
        errors: answers that were errors: the app's callback raised.
        unanswered: uses without an answer.
        slow: uses whose answer took long.
        used: what was used, by class and label, and how often.
        not_usable: what was on a page and could not be used at some time, with the reason.
    """

    def __init__(self, plan: Plan, url: str, slow_after: float = 5.0) -> None:
        self._plan, self._url, self._slow_after = plan, url, slow_after
        self.used: Counter[str] = Counter()
        self.not_usable: dict[str, str] = {}
        self.opened = self.uses = self.errors = self.unanswered = self.slow = 0
        # Two pages that are built at once keep the server so long from the first one's websocket that the sweep
        # takes its session for unused.
        self._opening = asyncio.Lock()

    async def open(self) -> Tab:
        """Open the page.

        Raises:
            VisitError: it cannot be loaded.
        """
        async with self._opening:
            self.opened += 1
            query = self._plan.query.format(i=self.opened)
            try:
                return await Tab.open(self._url, query)
            except VisitError:
                # On a busy machine the sweep takes a session whose websocket comes late: it has no document any more.
                return await Tab.open(self._url, query)

    async def use(self, tab: Tab, times: int) -> int:
        """Use all that can be seen in turn, ``times`` uses or for 15 s, while the server answers; return how many."""
        end = time.monotonic() + PART
        for done in range(times):
            control = tab.page.next()
            if control is None or time.monotonic() > end or not await self._use(tab, control):
                return done
        return times

    async def explore(self, tab: Tab) -> int:
        """Use all that can be seen once, and leave what that starts running for a while; return how many uses."""
        done, patience = 0, EXPLORING
        while self._plan.interact and (control := tab.page.next(1)) is not None and done < MOST:
            if not await self._use(tab, control):
                break
            done += 1
            if control.starts and patience > 0:
                patience -= RUNNING
                await asyncio.sleep(RUNNING)
        return done

    async def _use(self, tab: Tab, control: Control) -> bool:
        if self.slow >= SLOW_USES:
            return False
        self.uses += 1
        self.used[control.name] += 1
        begun = time.monotonic()
        try:
            await tab.use(control, STUCK if self.unanswered else ANSWER)
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
            await self.leave(tab)

    async def leave(self, tab: Tab) -> None:
        """Remember what was on the page and could not be used, and close it."""
        if self._plan.interact:
            self.not_usable.update(tab.page.not_usable())
        await tab.close()

    async def use_as_others(self, tab: Tab, stays: bool = False) -> None:
        """Use everything that can be seen a few times, if visitors are to use it at all.

        Args:
            tab: the page.
            stays: the visitor stays afterwards, and so leaves what was started running.
        """
        end = time.monotonic() + PART
        for _ in range(MOST if self._plan.interact else 0):
            control = tab.page.next(ROUNDS, undoing=not stays)
            if control is None or time.monotonic() > end or not await self._use(tab, control):
                break

    def not_used(self) -> dict[str, str]:
        """Return what was on some page and was never used, with the reason."""
        if self._plan.interact and not self.used and not self.not_usable:
            return {"the page": "it has no widget; soak does not move the pointer over plots"}
        return {name: why for name, why in sorted(self.not_usable.items()) if name not in self.used}

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
        count = len(tab.page.visible())
        return count * max(ROUNDS, math.ceil(USES / count)) if self._plan.interact and count else 0
