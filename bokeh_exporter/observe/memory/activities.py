"""Which activity runs: where the attribution of resident memory begins and ends.

Builds and hooks of sessions, their end, the applying of a browser's patch, the answering of a request.
Users' functions are entered by ``calls``. The message is where a patch is applied, and not where the whole message
is handled: applying runs in one piece on all hosts, in the loop's thread or, from Bokeh 3.10 on, in a worker; what
is around it is waiting.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, ClassVar

from ...catalogue import ACTIVITIES
from ...state import Level
from ...state.attribution import Owner
from .. import slots
from ..apps import App
from ..frame import Frame, Observer
from ..hosts import Leave
from .attribution import Attribution
from .blocks import Blocks
from .stepped import Stepped

#: On the hot path the slot's name saves a call.
_APP = slots.app.name


class Activities(Observer):
    """Net change of resident memory by app and activity, and while none ran."""

    name: ClassVar[str] = "activities"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._attribution = Attribution(self.state.interactions)
        self.state.memory.attribution = self._attribution

    def start(self) -> None:
        """Subscribe to what runs, and begin to measure."""
        if self.frame.config.includes("all"):
            self._attribution.blocks = Blocks()
        self._attribution.start()
        on = self.on
        on.around("document_building", lambda document, application: self._during("session_create", document))
        on.runs("session_created_hooks", self._hooks("session_create"))
        on.runs("session_destroyed_hooks", self._hooks("session_destroy"))
        on.around("session_destroying", self._destroying)
        on.runs("patch_applying", self._applying, guards_itself=True)
        on.runs("http_answering", self._answering)

    def stop(self) -> None:
        """Stop measuring."""
        self._attribution.stop()

    # --- synchronous ---------------------------------------------------------------------------

    def _during(self, activity: str, document: Any) -> Leave | None:
        app = self.apps.of_document(document)
        return self._entered(app, activity) if app is not None else None

    def _destroying(self, session: Any) -> Leave | None:
        record = slots.record.get(session)
        return self._entered(record.app, "session_destroy") if record is not None else None

    def _entered(self, app: App, activity: str) -> Leave:
        entered, leave = self._attribution.enter(app.label, activity), self._attribution.leave
        return lambda result, error: leave(entered)

    def _applying(self, call: Callable[[], Any], document: Any) -> Any:
        try:
            app = getattr(document, _APP, None) or self.apps.of_document(document)
        except Exception as ours:
            self.on.swallow(ours)
            app = None
        if app is None:
            return call()
        return self._attribution.run_message(app.message, call, self._apart)

    def _apart(self, message: Owner, call: Callable[[], Any]) -> Any:
        """Apply a patch as an activity of its own, since none came just before it."""
        entered = self._attribution.enter(*message)
        try:
            return call()
        finally:
            self._attribution.leave(entered)

    # --- in steps ------------------------------------------------------------------------------

    def _hooks(self, activity: str) -> Callable[..., Awaitable[Any]]:
        def run(call: Callable[[], Awaitable[Any]], context: Any, *rest: object) -> Awaitable[Any]:
            return self._stepped(context, activity, call())

        return run

    def _answering(self, call: Callable[[], Awaitable[Any]], context: Any) -> Awaitable[Any]:
        return self._stepped(context, "http", call())

    async def _stepped(self, context: Any, activity: str, awaitable: Awaitable[Any]) -> Any:
        try:
            app = self.apps.of(context) if context is not None else self._only()
        except Exception as ours:
            self.on.swallow(ours)
            app = None
        if app is None:
            return await awaitable
        return await Stepped(self._attribution, app.label, activity, awaitable)

    def _only(self) -> App | None:
        """Return the app of what belongs to none, as static files do: there is one, or nobody can say."""
        alive = self.apps.alive()
        return alive[0][1] if len(alive) == 1 else None

    # --- levels --------------------------------------------------------------------------------

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Separate what happened since the last activity from what will happen in the next."""
        self._attribution.read()
        return ()

    def collect(self) -> Iterable[Level]:
        """Read what has been booked, in the thread of the scrape."""
        booked, background = self._attribution.read()
        if not self._attribution.measures():
            return
        known = self.apps.labels()
        for app in known:
            for activity in ACTIVITIES:
                yield Level("bokeh_memory_attributed_bytes", booked.get((app, activity), 0), (app, activity))
        yield Level("bokeh_memory_background_bytes", background)
        blocks = self._attribution.blocks
        if blocks is not None:
            for (app, callback), net in blocks.read().items():
                if app in known:
                    yield Level("bokeh_callback_net_blocks", net, (app, callback))
