"""The rebuild ledger's view of Bokeh: causes, models that come and go, and what a build leaves unused.

What a document holds is compared before and after Bokeh itself recomputes it, which is a difference of
two sets of ids; models are never searched for. Panel's and HoloViews' parts are files of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import get_ident
from time import perf_counter
from typing import Any, ClassVar, TypeVar

from ... import config as options
from ...state.interactions import current
from ...state.ledger.tree import Site
from ...state.records import Built, Record
from ...state.safe_calls import is_async
from ...state.safe_looks import type_name
from .. import slots
from ..callbacks.bokeh_callbacks import CallbackTimes
from ..callbacks.names import timing
from ..frame import Frame, Observer
from ..hosts.bokeh_documents import beside_the_roots, has_model
from ..hosts.bokeh_models import model_class, refers
from ..sessions.totals import pseudonym_of
from .causes import cause_of, note_labels
from .model_references import References
from .source_lines import source_line

#: Called at the end of a build with its number, its record and the document.
Check = Callable[[int, Record, Any], None]
#: Builds under way; one that ends without a session, as when Panel warms an app, is forgotten in time.
_BUILDS = 50
#: Models that no document has taken up so far.
_UNUSED = 2000
#: Models constructed outside of any interaction and in no document yet.
_STRAYS = 2000

_NOWHERE = Site(None, None, False, None)

Made = TypeVar("Made")


class BokehElements(Observer):
    """One record per interaction; see ``state.elements``."""

    name: ClassVar[str] = "elements"
    level: ClassVar[options.CollectLevel] = "element"

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
        """Subscribe to patches, models and documents."""
        self._references, self._calls = References(model_class()), self.frame.find(CallbackTimes).calls
        self.elements.on = True
        self.on.before("patch_applying", self._patching)
        self.on.before("model_built", self._constructed)
        self.on.after("models_recomputed", self._recomputed)
        self.on.before("property_changed", self._changing)
        self.on.changes("session_callback_added", self._registering)
        self.on.before("session_made", self._built)
        self.on.after("session_made", self._named)

    def stop(self) -> None:
        """Record nothing more."""
        self.elements.on = False

    # --- events --------------------------------------------------------------------------------

    def _patching(self, document: Any, events: Sequence[Any]) -> None:
        note_labels(events, document)
        record = self.elements.record(current.get())
        if record is not None and record.cause is None and events:
            record.cause, record.path = cause_of(events, document, self._reveal)
            record.session = pseudonym_of(document)

    def _constructed(self, model: Any, begin: float, end: float) -> None:
        number = current.get()
        record = self.elements.record(number)
        cls, identity = type_name(type(model)), model.id
        if record is None:
            self._strays[identity] = True
            if len(self._strays) > _STRAYS:
                self._strays.pop(next(iter(self._strays)), None)
            return
        site = source_line(model)
        record.add(
            Record.constructed, identity, cls, begin, end, get_ident(), self._calls.function_here(),
            Site(site.path, site.line, site.direct and site.file is not None, site.owner),
        )  # fmt: skip
        if site.file is None:
            return
        model.__dict__[slots.site.name] = site
        built: Built = ("bokeh", cls, site.file, site.line)
        if site.direct and record.phase != "init":
            record.add(Record.made, built)
        elif site.direct:
            made_in(self._made, number)[identity] = built

    def _recomputed(
        self, document: object, before: dict[str, Any], after: dict[str, Any], begin: float, end: float
    ) -> None:  # fmt: skip
        record = self.elements.record(current.get())
        if record is None:
            return
        record.add(Record.recomputed, self._calls.function_here(), begin, end, get_ident())
        record.session = record.session or pseudonym_of(document)
        if before is after:
            return
        come, gone = after.keys() - before.keys(), before.keys() - after.keys()
        if gone:
            record.add(Record.detached, [(model, type_name(type(before[model]))) for model in gone])
        if come:
            for model in self._strays.keys() & come:
                self._strays.pop(model, None)
                cls = type_name(type(after[model]))
                record.add(Record.constructed, model, cls, begin, begin, get_ident(), None, _NOWHERE)
            record.add(Record.attached, [(model, type_name(type(after[model]))) for model in come])
            for model in self._unused.keys() & come:  # used after all
                self._use(model)

    def _use(self, model: str) -> None:
        record = self.elements.record(self._unused.pop(model, 0))
        if record is not None:
            record.unused.pop(model, None)

    def _changing(self, model: Any, attribute: str, old: Any, new: Any) -> None:
        if not refers(model, attribute):
            return
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

    def _registering(self, callback: Callable[..., Any], document: object, kind: object, once: bool) -> Any:
        """Keep an interaction open until the callbacks that it has scheduled for once have run."""
        number = current.get() if once else 0
        if number and self.state.interactions.origin(number)[1] == "update":
            return self._awaited(number, callback)
        return callback

    def _awaited(self, number: int, callback: Callable[..., Any]) -> Callable[..., Any]:
        elements, begin, awaited = self.elements, perf_counter(), is_async(callback)
        if awaited is None:  # only its own code could say what kind of wrapper it needs
            return callback
        elements.enter(number)

        def wait() -> None:
            elements.went_on(number, "lock", "wait for a scheduled callback", begin, perf_counter())

        if awaited:

            @timing(callback)
            async def call_async(*args: Any, **kwargs: Any) -> Any:
                wait()
                try:
                    return await callback(*args, **kwargs)
                finally:
                    elements.leave(number)

            return call_async

        @timing(callback)
        def call(*args: Any, **kwargs: Any) -> Any:
            wait()
            try:
                return callback(*args, **kwargs)
            finally:
                elements.leave(number)

        return call

    def _named(self, session: object, document: Any, context: object) -> None:
        record = self.elements.record(current.get())
        if record is not None:
            record.session = pseudonym_of(document)

    # --- the first build -----------------------------------------------------------------------

    def _built(self, session: object, document: Any, context: object) -> None:
        number = current.get()
        record = self.elements.record(number)
        if record is None or record.phase != "init":
            return
        exempt = self._references.of(beside_the_roots(document))
        record.add(Record.exempt, list(exempt))
        for model, built in self._made.pop(number, {}).items():
            if not has_model(document, model) and model not in exempt:
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
