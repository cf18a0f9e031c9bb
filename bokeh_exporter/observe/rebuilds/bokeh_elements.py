"""The rebuild ledger's view of Bokeh: causes, models that come and go, and what a build leaves unused.

What a document holds is compared before and after Bokeh itself works it out anew, which is a difference of
two sets of ids; models are never searched for. Panel's and HoloViews' parts are files of their own.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from time import perf_counter
from typing import Any, ClassVar, TypeVar

from ... import config as options
from ...state.interactions import current
from ...state.records import Built, Record
from ..callbacks.names import timing
from ..frame import Frame, Observer
from .causes import SITE, cause_of
from .model_references import References
from .source_lines import site_of

#: Called at the end of a build with its number, its record and the document.
Check = Callable[[int, Record, Any], None]
#: Builds under way; one that ends without a session, as when Panel warms an app, is forgotten in time.
_BUILDS = 50
#: Models that no document has taken up so far.
_UNUSED = 2000
#: Models constructed outside of any interaction and in no document yet.
_STRAYS = 2000

Made = TypeVar("Made")


class Elements(Observer):
    """One record per interaction; see ``state.elements``."""

    name: ClassVar[str] = "elements"
    level: ClassVar[options.Level] = "element"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self._reveal = frame.config.show_values
        self.elements = self.state.elements
        #: Models that lines of the user's constructed in a build under way: number -> id -> what.
        self._made: dict[int, dict[str, Built]] = {}
        #: What the parts for other libraries have to say of a build that has ended.
        self.checks: list[Check] = []
        #: Models that no document had at the end of their build: id -> number.
        self._unused: dict[str, int] = {}
        #: Models that a thread of the user's constructed: it is in no interaction until a document takes them up.
        self._strays: dict[str, bool] = {}

    def start(self) -> None:
        """Hook into messages, models and documents."""
        from bokeh.document.callbacks import DocumentCallbackManager
        from bokeh.document.models import DocumentModelManager
        from bokeh.model.model import Model
        from bokeh.protocol.messages.patch_doc import patch_doc
        from bokeh.server.session import ServerSession

        self._references = References(Model)
        self.elements.on = True
        hook = self.hook
        hook.replace(patch_doc, "apply_to_document", self._patching, "self", "doc")
        hook.before(Model, "__init__", self._constructing, "self")
        hook.replace(DocumentModelManager, "recompute", self._recomputing, "self")
        hook.replace(
            DocumentCallbackManager, "notify_change", self._changing, "self", "model", "attr", "old", "new", "hint"
        )
        hook.replace(
            DocumentCallbackManager, "add_session_callback", self._registering,
            "self", "callback_obj", "callback", "one_shot",
        )  # fmt: skip
        hook.before(ServerSession, "__init__", self._built, "self", "session_id", "document")

    def stop(self) -> None:
        """Record nothing more."""
        self.elements.on = False

    # --- hooks ---------------------------------------------------------------------------------

    def _patching(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def apply_to_document(message: Any, doc: Any, *args: Any, **kwargs: Any) -> None:
            if self.patches.on:
                try:
                    record = self.elements.record(current.get())
                    if record is not None and record.cause is None:
                        record.cause = cause_of(message, doc, self._reveal)
                except Exception as ours:
                    self.hook.swallow(ours)
            original(message, doc, *args, **kwargs)

        return apply_to_document

    def _constructing(self, model: Any, *rest: object, **named: object) -> None:
        number = current.get()
        record = self.elements.record(number)
        cls, identity = type(model).__name__, model.id
        if record is None:
            self._strays[identity] = True
            if len(self._strays) > _STRAYS:
                self._strays.pop(next(iter(self._strays)), None)
            return
        record.add(Record.constructed, identity, cls)
        site = site_of(model)
        if site.file is None:
            return
        model.__dict__[SITE] = site
        built: Built = ("bokeh", cls, site.file, site.line)
        if site.direct and record.phase != "init":
            record.add(Record.made, built)
        elif site.direct:
            made_in(self._made, number)[identity] = built

    def _recomputing(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def recompute(manager: Any) -> Any:
            if not self.patches.on:
                return original(manager)
            before = manager._models
            result = original(manager)
            start = perf_counter()
            try:
                self._recomputed(before, manager._models)
            except Exception as ours:
                self.hook.swallow(ours)
            self.state.overhead[0] += perf_counter() - start
            return result

        return recompute

    def _recomputed(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        record = self.elements.record(current.get())
        if record is None or before is after:
            return
        come, gone = after.keys() - before.keys(), before.keys() - after.keys()
        if gone:
            record.add(Record.detached, [(model, type(before[model]).__name__) for model in gone])
        if come:
            for model in self._strays.keys() & come:
                self._strays.pop(model, None)
                record.add(Record.constructed, model, type(after[model]).__name__)
            record.add(Record.attached, [(model, type(after[model]).__name__) for model in come])
            for model in self._unused.keys() & come:  # used after all
                self._use(model)

    def _use(self, model: str) -> None:
        record = self.elements.record(self._unused.pop(model, 0))
        if record is not None:
            record.unused.pop(model, None)

    def _changing(self, original: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(original)
        def notify_change(
            manager: Any, model: Any, attr: str, old: Any, new: Any, hint: Any = None, *args: Any, **named: Any
        ) -> None:
            if self.patches.on and hint is None:
                try:
                    if attr in type(model).properties_with_refs():
                        self._changed(old, new)
                except Exception as ours:
                    self.hook.swallow(ours)
            original(manager, model, attr, old, new, hint, *args, **named)

        return notify_change

    def _changed(self, old: Any, new: Any) -> None:
        record = self.elements.record(current.get())
        if record is None:
            return
        # What one change takes out another may put back: a list emptied and filled, an axis shared afterwards.
        references, replaced = self._references, record.replaced
        if references.lead(old):
            replaced.update(references.of(old))
        if replaced and references.lead(new):
            stays = replaced.items() & references.of(new).items()
            if stays:
                record.add(Record.kept, list(stays))

    def _registering(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Keep an interaction open until the callbacks that it has scheduled for once have run."""

        @functools.wraps(original)
        def add_session_callback(manager: Any, callback_obj: Any, callback: Any, one_shot: bool) -> Any:
            number = current.get() if self.patches.on and one_shot else 0
            if number and self.state.interactions.origin(number)[1] == "update":
                callback = self._awaited(number, callback)
            return original(manager, callback_obj, callback, one_shot)

        return add_session_callback

    def _awaited(self, number: int, callback: Callable[..., Any]) -> Callable[..., Any]:
        elements = self.elements
        elements.enter(number)
        if inspect.iscoroutinefunction(callback):

            @timing(callback)
            async def call_async(*args: Any, **kwargs: Any) -> Any:
                try:
                    return await callback(*args, **kwargs)
                finally:
                    elements.leave(number)

            return call_async

        @timing(callback)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return callback(*args, **kwargs)
            finally:
                elements.leave(number)

        return call

    # --- the first build -----------------------------------------------------------------------

    def _built(self, session: object, session_id: object, document: Any, *rest: object, **named: object) -> None:
        number = current.get()
        record = self.elements.record(number)
        if record is None or record.phase != "init":
            return
        exempt = self._references.of([getattr(document, "config", None), *_scripts(document)])
        record.add(Record.exempt, list(exempt))
        for model, built in self._made.pop(number, {}).items():
            if model not in document.models and model not in exempt:
                record.unused[model] = built
                self._unused[model] = number
        while len(self._unused) > _UNUSED:
            self._unused.pop(next(iter(self._unused)), None)
        for check in self.checks:
            check(number, record, document)


def made_in(builds: dict[int, dict[Any, Made]], number: int) -> dict[Any, Made]:
    """Return what a build under way has constructed, by its identity; builds that never end are dropped."""
    made = builds.get(number)
    if made is None:
        while len(builds) >= _BUILDS:
            builds.pop(next(iter(builds)), None)
        made = builds[number] = {}
    return made


def _scripts(doc: Any) -> list[Any]:
    """Return the models that run in the browser at events of a document, which no root leads to; Bokeh 3.4 has none."""
    by_event = getattr(doc.callbacks, "_js_event_callbacks", {})
    return [each for callbacks in by_event.values() for each in callbacks]
