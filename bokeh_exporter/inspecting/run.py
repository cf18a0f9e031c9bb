"""The course: build the app as one session, let it settle, move each widget there and back, and end the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tornado.websocket import WebSocketClosedError

from ..soak.plan import Plan
from ..soak.probe import Probe, ProbeError
from ..soak.server import SoakError, SoakServer
from ..soak.visitor import CallbackError, Tab, Unanswered, VisitError
from ..soak.widgets import LEFT_ALONE, Control
from .moves import Move, clicks, move_of
from .report import Moved, Report, report

#: Options of the exporter in the server: all that is recorded, and nothing of it in the log.
OPTIONS = {"inventory": "1", "interactions_kept": "1000", "elements_log": "off", "sample_period": "0.1"}
#: Milliseconds that a session may wait for its websocket: on a busy machine that comes late.
LIFETIME_MS = 120_000
#: Seconds for a page, for the answer to a move, for what it begins to end, and for a server to end that is about to.
PAGE, ANSWER, SETTLE, ENDING = 120.0, 30.0, 20.0, 2.0
#: Seconds between two looks, and of moving in all.
LOOK, MOVING = 0.1, 300.0
_OFF = "the exporter in the server no longer records elements: the app has switched it off, or to another level"
_NOT_ENTERED = "passwords and files are never entered"
#: Kinds of interactions that a session begins with; timers go on for ever.
_BUILDING = ("build", "onload", "property", "event", "next_tick")


def with_lifetime(server_args: Sequence[str]) -> tuple[str, ...]:
    """Return the server's arguments, with a lifetime of sessions that a busy machine does not exceed."""
    return ("--unused-session-lifetime", str(LIFETIME_MS), *server_args)


Say = Callable[[str, str], None]


def inspect(
    plan: Plan, say: Say = lambda step, detail: None, *, click: bool = False, only: str | None = None
) -> Report:
    """Build an app once, move its widgets, and say what it is made of.

    Args:
        plan: what to serve; made by ``Plan.of``, only the app, its host, the query and the server's arguments count.
        say: hears what is being done: the step, and how far it is.
        click: whether buttons are clicked too, which nothing takes back.
        only: the label, name or variable of the one widget to move; all by default.

    Raises:
        SoakError: the app or its server failed. Nothing of it runs on.
    """
    say(f"starting {plan.host} serve {plan.target.name}", "")
    with SoakServer(plan, OPTIONS) as server:
        try:
            return asyncio.run(_Inspection(plan, server, say, click, only).run())
        except (VisitError, ProbeError, WebSocketClosedError) as error:
            # A server that ends takes a moment for it.
            what, why = server.end(ENDING) or str(error), server.said_error()
            raise SoakError(f"{what}: {why}" if why else what, server.log()[-4000:]) from None


@dataclass
class _Inspection:
    plan: Plan
    server: SoakServer
    say: Say
    click: bool
    only: str | None
    moves: list[Moved] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)
    _stuck: str = ""

    async def run(self) -> Report:
        self.probe = Probe(self.server.exporter, self.server.token)
        self.say("building the app", "")
        try:
            tab = await Tab.open(self.server.url, self.plan.query.format(i=1), PAGE)
        except VisitError:
            if (await self.probe.sample()).apps and await self._failed():
                raise self.server.failure("the app failed") from None
            raise
        try:
            if await self._failed():
                raise self.server.failure("the app failed")
            await self._settled(0.0)
            before = await self._inventory()
            builds = [each for each in await self._interactions(200) if each["kind"] in _BUILDING]
            for each in before["elements"]:
                if each["default"] is not None and each["ids"]:
                    tab.page.assume(each["ids"][0], each["default"])
            self._until, self._elements = time.monotonic() + MOVING, before["elements"]
            await self._move_all(tab)
            moved = {one.name for one in self.moves}
            for name, why in tab.page.not_usable().items():
                if name not in moved:
                    self.skipped[name] = _NOT_ENTERED if name.startswith(LEFT_ALONE) else why
            after = await self._inventory() if self.moves and not self._stuck else before
        finally:
            await tab.close()
        return report(self.plan, before, after, builds, self.moves, self.skipped)

    async def _failed(self) -> bool:
        sample = await self.probe.sample()
        return bool(sum(app.create_errors or 0 for app in sample.apps.values()))

    async def _inventory(self) -> dict[str, Any]:
        found: dict[str, Any] | None = await self.probe.post("/debug/inventory")
        if found is None:
            raise ProbeError(_OFF)
        return found

    async def _interactions(self, count: int) -> list[dict[str, Any]]:
        found = await self.probe.interactions(count)
        # Below the level of elements an interaction has numbers only. A server that ends passes through there.
        if not all("tree" in each for each in found):
            raise ProbeError(_OFF)
        return found

    async def _move_all(self, tab: Tab) -> None:
        """Move all that can be seen and was not moved; what a tab or card shows is moved while it is shown."""
        while (control := self._next(tab)) is not None:
            await self._move(tab, control)

    def _next(self, tab: Tab) -> Control | None:
        # Of what came later one of each name is moved: of a hundred messages with a button each, the first.
        found = [
            each for each in tab.page.visible()
            if each.id not in self._done and (tab.page.was_there(each) or each.name not in self._done)
        ]  # fmt: skip
        # What opens a closed part first: its widgets can be moved then.
        return min(found, key=lambda each: not each.opens, default=None)

    async def _move(self, tab: Tab, control: Control) -> None:
        self._done |= {control.id, *([control.name] if any(letter in control.name for letter in "'\"") else [])}
        if not self._is_wanted(control):
            return
        if self._stuck or time.monotonic() > self._until:
            self.skipped[control.name] = self._stuck or f"{MOVING:.0f} s had passed"
            return
        if not self.click and clicks(control, tab.page):
            self.skipped[control.name] = "a click cannot be undone; use --click"
            return
        move = move_of(control, tab.page)
        if move is None:
            self.skipped[control.name] = "it has one value only"
            return
        self.say("moving", control.name)
        moved = Moved(control.name, control.id, control.opens)
        moved.there, moved.changed = await self._step(tab, move.there)
        self.moves.append(moved)
        if tab.page.kind(control.id) == "Tabs" and not self._stuck:
            await self._through(tab, control, move)
        if move.back and not control.opens and not self._stuck:
            moved.back, _ = await self._step(tab, move.back)

    async def _through(self, tab: Tab, control: Control, move: Move) -> None:
        """Move what the other tabs show."""
        first = move.back[0]["new"] if move.back else 0
        for index, _ in enumerate(tab.page.attributes(control.id).get("tabs") or ()):
            if index != first:
                await self._send(tab, [{**move.there[0], "new": index}])
                await self._move_all(tab)

    def _is_wanted(self, control: Control) -> bool:
        """Whether a control is the one that is asked for, by its label, its variable or the class before the label."""
        if self.only is None:
            return True
        variables = {each["variable"] for each in self._elements if control.id in each["ids"][:1]}
        return self.only in (control.name, control.label, *variables)

    async def _step(self, tab: Tab, events: list[Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Send the events of one move; return the record of what it began, and what was changed on the page."""
        tab.page.changed.clear()
        since = time.time()
        error = await self._send(tab, events)
        record = await self._settled(since) or {}
        sent = {(each["model"]["id"], each["attr"]) for each in events if "model" in each and "attr" in each}
        return {**record, "error": error}, [each for each in tab.page.changed if each not in sent]

    async def _send(self, tab: Tab, events: list[Any]) -> str | None:
        for each in events:
            tab.page.apply(each)
        try:
            await tab.send(events, ANSWER)
        except CallbackError as error:
            return self.server.said_error() or str(error) or "the callback raised"
        except Unanswered:
            # It holds the document, so nothing else would be answered either.
            self._stuck = "the move before it has had no answer"
            return f"no answer within {ANSWER:.0f} s"
        return None

    async def _settled(self, since: float) -> dict[str, Any] | None:
        """Wait until what has begun since then is over, half a minute at most; return the first of it."""
        deadline = time.monotonic() + SETTLE
        while True:
            found = [each for each in await self._interactions(50) if each["time"] >= since]
            if since:
                found = [each for each in found if each["kind"] in ("property", "event")]
            found = [each for each in found if each["kind"] in _BUILDING]
            if (found and all(each["finished"] for each in found)) or time.monotonic() > deadline:
                return found[-1] if found else None
            await asyncio.sleep(LOOK)
