"""Which activity runs: where the attribution of resident memory begins and ends.

Builds and hooks of sessions, their end, the applying of a browser's patch, the answering of a request.
Users' functions are entered by ``calls``. ``Document.apply_json_patch`` is the message, and not
``ProtocolHandler.handle``: it runs in one piece on both of Bokeh's hosts, in the loop's thread or, from
3.10 on, in a worker; what ``handle`` does around it is waiting.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, ClassVar

from ...catalogue import ACTIVITIES
from ...state import Level
from ..apps import KEY, App
from ..frame import Frame, Observer
from ..sessions.lifetimes import record_of
from .blocks import Blocks
from .stepped import Stepped


class Activities(Observer):
    """Net change of resident memory by app and activity, and while none ran."""

    name: ClassVar[str] = "activities"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._attribution = self.state.memory.attribution

    def start(self) -> None:
        """Hook into what runs, and begin to measure."""
        from bokeh.application import Application
        from bokeh.document import Document
        from bokeh.server.session import ServerSession
        from bokeh.server.tornado import BokehTornado
        from tornado.web import RequestHandler
        from tornado.websocket import WebSocketHandler

        self._tornado, self._websocket = BokehTornado, WebSocketHandler
        if self.frame.config.includes("all"):
            self._attribution.blocks = Blocks()
        self._attribution.start()
        hook = self.hook
        hook.replace(Application, "initialize_document", self._building, "self", "doc")
        hook.replace(Application, "on_session_created", self._stepping("session_create"), "self", "session_context")
        hook.replace(Application, "on_session_destroyed", self._stepping("session_destroy"), "self", "session_context")
        hook.replace(ServerSession, "destroy", self._destroying, "self")
        hook.replace(Document, "apply_json_patch", self._applying, "self", "patch_json", "setter")
        hook.replace(RequestHandler, "_execute", self._executing, "self", "transforms")

    def refresh(self) -> None:
        """Hook into the ASGI hosts once they are imported."""
        for module, host in ("bokeh.server.asgi", "BokehASGI"), ("panel.io.asgi", "PanelASGI"):
            hook = f"{host}.__call__ (memory)"
            if module in sys.modules and hook not in self.patches.enabled:
                owner = getattr(sys.modules[module], host)
                self.hook.replace(owner, "__call__", self._answering, "self", "scope", "receive", "send", hook=hook)

    def stop(self) -> None:
        """Stop measuring."""
        self._attribution.stop()

    # --- synchronous ---------------------------------------------------------------------------

    def _building(self, original: Callable[..., Any]) -> Callable[..., Any]:
        return self._during("session_create", original, self.apps.of_document, "doc")

    def _applying(self, original: Callable[..., Any]) -> Callable[..., Any]:
        patches, swallow, of_document = self.patches, self.hook.swallow, self.apps.of_document
        run_message, ordinary = self._attribution.run_message, self._during("message", original, of_document)

        @functools.wraps(original)
        def apply_json_patch(document: Any, patch_json: Any, *, setter: Any = None) -> Any:
            app = None
            if patches.on:
                try:
                    app = getattr(document, KEY, None) or of_document(document)
                except Exception as ours:
                    swallow(ours)
            if app is None:
                return original(document, patch_json, setter=setter)
            return run_message(app.message, original, ordinary, document, patch_json, setter=setter)

        return apply_json_patch

    def _destroying(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def app_of(session: Any) -> App | None:
            record = record_of(session)
            return record.app if record is not None else None

        return self._during("session_destroy", original, app_of)

    def _during(
        self, activity: str, original: Callable[..., Any], app_of: Callable[[Any], App | None], named: str = ""
    ) -> Callable[..., Any]:
        """Return a method that is an activity of the app of its object, or of its argument of that name."""
        patches, enter, leave = self.patches, self._attribution.enter, self._attribution.leave

        @functools.wraps(original)
        def during(*args: Any, **kwargs: Any) -> Any:
            if not patches.on:
                return original(*args, **kwargs)
            entered = None
            try:
                app = app_of(args[0] if not named else args[1] if len(args) > 1 else kwargs[named])
                if app is not None:
                    entered = enter(app.label, activity)
            except Exception as ours:
                self.hook.swallow(ours)
            try:
                return original(*args, **kwargs)
            finally:
                leave(entered)

        return during

    # --- in steps ------------------------------------------------------------------------------

    def _stepping(self, activity: str) -> Callable[[Callable[..., Awaitable[Any]]], Callable[..., Any]]:
        def make(original: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
            @functools.wraps(original)
            async def hooks(application: Any, session_context: Any, *args: Any, **kwargs: Any) -> Any:
                awaitable = original(application, session_context, *args, **kwargs)
                app = self._app_of(session_context) if self.patches.on else None
                return await self._stepped(app, activity, awaitable)

            return hooks

        return make

    def _app_of(self, session_context: Any) -> App | None:
        try:
            return self.apps.of(session_context.server_context.application_context)
        except Exception:  # a stub that somebody made for a test
            return None

    def _stepped(self, app: App | None, activity: str, awaitable: Awaitable[Any]) -> Awaitable[Any]:
        if app is None:
            return awaitable
        return Stepped(self._attribution, app.label, activity, awaitable)

    def _executing(self, original: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
        """A request to any tornado application of the process; only Bokeh's are looked at."""

        @functools.wraps(original)
        def execute(handler: Any, *args: Any, **kwargs: Any) -> Any:
            awaitable = original(handler, *args, **kwargs)
            if not self.patches.on or not isinstance(handler.application, self._tornado):
                return awaitable
            if isinstance(handler, self._websocket):
                return awaitable  # its request lasts as long as its browser stays
            return self._http(getattr(handler, "application_context", None), awaitable)

        return execute

    async def _http(self, context: Any, awaitable: Awaitable[Any]) -> Any:
        try:
            app = self.apps.of(context) if context is not None else self._only()
        except Exception as ours:
            self.hook.swallow(ours)
            app = None
        return await self._stepped(app, "http", awaitable)

    def _answering(self, original: Callable[..., Awaitable[None]]) -> Callable[..., Any]:
        @functools.wraps(original)
        async def answer(host: Any, scope: Any, receive: Any, send: Any) -> None:
            awaitable = original(host, scope, receive, send)
            app = None
            if self.patches.on and scope["type"] == "http":
                try:
                    resolved = host._resolve_application(host._route_path(scope))
                    app = self.apps.of(resolved[0]) if resolved is not None else self._only()
                except Exception as ours:
                    self.hook.swallow(ours)
            await self._stepped(app, "http", awaitable)

        return answer

    def _only(self) -> App | None:
        """Return the app of what belongs to none, as static files do: there is one, or nobody can tell."""
        alive = self.apps.alive()
        return alive[0][1] if len(alive) == 1 else None

    # --- levels --------------------------------------------------------------------------------

    def sample(self, contexts: Sequence[tuple[Any, App]], now: float) -> Iterable[Level]:
        """Tell what happened since the last activity from what will happen in the next."""
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
