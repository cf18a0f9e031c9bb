"""The course of a soak.

Two visits come first and are subtracted: they fill the caches of the process. The second is alone and uses the page
a hundred times: what grows with the uses grows in a session. The first that counts stays open while the grace of those
two passes: what grows then grows by itself. The others follow in batches, and more of them while it is undecided
whether visits leave something behind. Each number is read after a full collection.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..config import Config
from ..diagnose import History, Point, Sample
from ..diagnose.verdicts.judgement import HEALTHY, PROCESS
from .deciding import Decision, TimeLeft
from .plan import Plan
from .probe import Probe, ProbeError
from .report import Observed, Report, is_suspect, judged, report
from .server import SoakServer
from .settling import Gone, capture, find_holders_and_trim
from .streams import unbounded
from .visitor import VisitError
from .visits import STAY, Visits

#: Seconds that one visit stays open, and how often it is looked at; and where memory rose by less than is evidence.
HELD, LOOKS, HELD_LONGER = 15.0, 4, 60.0
#: Batches of visits; memory is read after each. Then more of them, of at least so many visits, while it is undecided.
BATCHES, MORE = 4, 8
#: Seconds between two looks without a collection.
EVERY = 2.0
#: Stalls after which the app is the cause: one may be an import, or the machine.
STALLS = 2

Say = Callable[[str, str], None]


def soak(plan: Plan, say: Say = lambda step, detail: None) -> Report:
    """Serve the app, visit it, and say what stays in memory.

    Args:
        plan: what to do.
        say: hears what is being done: the step, and how far it is.

    Raises:
        SoakError: the app or its server failed.
    """
    say(f"starting {plan.host} serve {plan.target.name}", "")
    with SoakServer(plan) as server:
        try:
            return asyncio.run(_Soak(plan, server, say).run())
        except (VisitError, ProbeError) as error:
            raise server.failure("the server ended" if server.ended else str(error)) from None


@dataclass
class _Soak:
    plan: Plan
    server: SoakServer
    say: Say
    found: Observed = field(default_factory=Observed)

    def __post_init__(self) -> None:
        self.probe = Probe(self.server.exporter, self.server.token)
        self.history = History(whole=True)
        self.thresholds = config = Config.load()
        self.visits = Visits(self.plan, self.server.url, config.stall_after)
        # Samples have to be in the order of their times.
        self._looking = asyncio.Lock()
        self._gone = Gone(self.probe, self.plan.server)
        self._warm = time.time()
        self._time = TimeLeft(time.monotonic() + self.plan.max_duration, self.server.grace)

    async def run(self) -> Report:
        """Do it all, and look now and then without collecting, as the server does."""
        watch = asyncio.create_task(self._watch())
        try:
            return await self._run()
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            with contextlib.suppress(ProbeError):
                async with self._looking:
                    self.history.add(await self.probe.sample())

    async def _run(self) -> Report:
        try:
            await self._course()
        except VisitError:
            if not await self._stalled(1):
                raise
        if self.found.stalls:  # all the rest is hidden by it
            self.found.points = self.history.points() or [Point(one := await self.probe.sample(), one)]
        else:
            await self._settle()
        self.found.controls, self.found.not_used = self.visits.used, self.visits.not_used()
        return report(self.plan, self.found, self.thresholds, self.server.grace)

    async def _course(self) -> None:
        self.say("warming up", "")
        await self.visits.visit()
        await self._check_app()
        await self._gone.wait()
        # What blocks or is slow in the first visit may be an import.
        self._warm, self.visits.slow = time.time(), 0
        await self._used_visit()
        await self._gone.wait()
        gone = time.monotonic()
        await self.probe.post("/debug/trim")
        self.found.base = await self._look()
        await self._held_visit(gone + self.server.grace)
        await self._gone.wait()
        await self._batches()
        await self._grace()
        await self._until_sure()
        self.say("all visits are over", "")
        self.found.points = self.history.points()
        await self._stalled()

    async def _stalled(self, least: int = STALLS) -> bool:
        """Whether the server is blocked again and again; then record what is known of it."""
        stalls = [text for text in await self.probe.stalls(self._warm) if self.plan.names_app(text)]
        if len(stalls) >= least:
            self.found.stalls = stalls
        return bool(self.found.stalls)

    async def _check_app(self) -> None:
        sample = await self.probe.sample()
        if sum(app.create_errors or 0 for app in sample.apps.values()):
            raise self.server.failure("the app failed")

    async def _look(self) -> Sample:
        """Read the numbers after a full collection."""
        async with self._looking:
            await self.probe.post("/debug/collect")
            sample = await self.probe.sample()
            self.history.add(sample)
        return sample

    async def _used_visit(self) -> None:
        """Visit, and use the page a hundred times."""
        tab = await self.visits.open()
        try:
            uses = self.visits.uses_of_a_long_visit(tab)
            # What the first use of each widget makes is there to stay, in caches and on the page.
            done = await self.visits.explore(tab)
            self.found.used.append((done, await self._look()))
            for part in range(1, LOOKS + 1):
                if uses:
                    self.say("using the page", f"{done} of {uses} times")
                done += await self.visits.use(tab, max(0, (uses - done) // (LOOKS + 1 - part)))
                self.found.used.append((done, await self._look()))
            await asyncio.sleep(STAY)
        finally:
            await self.visits.leave(tab)

    async def _held_visit(self, until: float) -> None:
        """Visit as the others do, and stay for a while; the counts to subtract are read when ``until`` has come."""
        tab = await self.visits.open()
        try:
            await self.visits.use_as_others(tab, stays=True)
            begun, held, part = time.monotonic(), HELD, 0
            self.found.held.append(await self._look())
            while part * HELD / LOOKS < held:
                self.say("keeping the page open", f"{part * HELD / LOOKS:.0f} of {held:.0f} s")
                part += 1
                await asyncio.sleep(max(0.0, begun + part * HELD / LOOKS - time.monotonic()))
                self.found.held.append(await self._look())
                if part == LOOKS and is_suspect(self.found.held, self.thresholds):
                    held = HELD_LONGER
            self.found.streams = unbounded(list(tab.page.streams), begun, time.monotonic())
            if until > time.monotonic():  # the grace may be longer than that
                await asyncio.sleep(until - time.monotonic())
                self.found.held.append(await self._look())
            self.found.warm, self.found.sessions = self.found.held[-1], 1
        finally:
            await self.visits.leave(tab)

    async def _batches(self) -> None:
        total, made = self.plan.sessions - 1, 1
        for part in range(BATCHES):
            number = total * (part + 1) // BATCHES - total * part // BATCHES
            if not number or await self._stalled():
                continue

            def progress() -> None:
                nonlocal made
                made += 1
                self.say("visiting", f"{made} of {max(total + 1, made)}{self._time.says(total + 1 - made, asked=True)}")

            await self._batch(number, self.plan.duration / BATCHES, progress)

    async def _batch(self, number: int, seconds: float, progress: Callable[[], None]) -> None:
        begun = time.monotonic()
        self.found.sessions += (made := await self.visits.visits(number, seconds, progress))
        await self._gone.wait()
        self.found.batches.append((self.found.sessions, await self._look()))
        self._time.each = (time.monotonic() - begun) / max(1, made)

    async def _until_sure(self) -> None:
        """Visit on while it is undecided whether visits leave something behind, and there is time."""
        asked, more = self.found.sessions, max(MORE, self.plan.sessions // BATCHES)
        while self._goes_on(known := self.found.decision(self.thresholds), more):
            made, ends = self.found.sessions, known.visits

            def progress(ends: int | None = ends) -> None:
                nonlocal made
                left = None if ends is None else ends - (made - self.found.sessions)
                self.say("visiting on, still undecided", f"{made} visits so far{self._time.says(left)}")
                made += 1

            progress()
            await self._batch(more, 0.0, progress)
            await self._stalled()
        if self.found.sessions > asked:
            await self._grace()

    def _goes_on(self, known: Decision, more: int) -> bool:
        """Whether there is time for ``more`` visits that can change what is said: a verdict that holds is certain."""
        if known.decided or self.found.stalls or self._time.left() < more * self._time.each:
            return False
        self.found.points = self.history.points()
        return judged(self.found, self.thresholds, self.server.grace).name == HEALTHY

    async def _grace(self) -> None:
        """Wait out the grace, and see meanwhile which of the destroyed turn out to be retained."""
        begun = time.monotonic()
        while (left := begun + self.server.grace + 0.5 - time.monotonic()) > 0:
            self.say("waiting for the grace to end", f"{left:.0f} s")
            await asyncio.sleep(min(left, self.server.grace / LOOKS))
            if left > self.server.grace / LOOKS:
                await self._look()
        self.found.end = await self._look()
        self.found.batches.append((self.found.sessions, self.found.end))

    async def _settle(self) -> None:
        """Settle what the numbers leave open."""
        await find_holders_and_trim(self.found, self.probe, self.say)
        judgement = judged(self.found, self.thresholds, self.server.grace)
        if PROCESS in (judgement.name, *judgement.others) and judgement.process_growth_of is None:
            self.say("tracing allocations", "")
            self.found.settled = await capture(self.probe, self.visits, self.plan.server, self._gone)
