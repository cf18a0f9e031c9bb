"""Models: how many are alive, in which Documents, and how many in none.

Each model has one entry of its own, made by its constructor, moved where Documents take up and let go of models,
and dropped when it dies: three hooks instead of a walk of the heap.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from ...catalogue import BY_NAME
from ...state import Level
from ..apps import App
from ..frame import Frame, Observer
from ..hosts.bokeh_documents import model_count, models_of
from ..hosts.bokeh_models import document_of as document_of_model
from ..hosts.bokeh_models import known_models, model_class
from ..hosts.bokeh_sessions import document_of, sessions_of
from .ledger import Ledger

_ORPHANED = "bokeh_models_orphaned"
#: Blocks of memory that Python has allocated in a process that has just begun: 0.8 million with Panel and HoloViews.
_SMALL = 2_000_000
#: Models of sessions that were there which are taken over in one turn of the loop: 2 ms.
_TURN = 300


class LiveModels(Observer):
    """Models alive, orphaned models by class, known classes."""

    name: ClassVar[str] = "census"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        #: Class -> the label that it was given.
        self._labels: dict[str, str] = {}
        #: Documents that were there, without a model, and their models, which wait to be taken over.
        self._waiting: deque[tuple[weakref.ref[Any], weakref.ref[Any] | None]] = deque()

    def start(self) -> None:
        """Subscribe to what becomes of models, and take over those that there are."""
        self._ledger = self.frame.find(Ledger)
        accounts = self._ledger.accounts
        self.on.before("model_made", accounts.constructed)
        self.on.before("model_attached", accounts.attached)
        self.on.before("model_detached", accounts.detached)
        sessions = [session for context, _ in self.apps.alive() for session in sessions_of(context)]
        documents = [document for session in sessions if (document := document_of(session)) is not None]
        if sum(map(model_count, documents)) <= _TURN:
            for document in documents:
                self._take(document)
        else:
            self._waiting.extend((weakref.ref(document), None) for document in documents)
            self.on.before("session_destroying", self._hasten)
        if not sessions and sys.getallocatedblocks() < _SMALL:
            # The one walk of the heap, 40 ms in a fresh Panel process. Not with sessions there: the list of objects,
            # seen while one is destroyed, is what Bokeh takes for a leak of its module. Not in the large heap of a
            # server that has run for days and was attached to: that would be a stall.
            cls = model_class()
            for model in [each for each in gc.get_objects() if issubclass(type(each), cls)]:
                self._adopt(model)

    def behind(self, contexts: Sequence[tuple[Any, App]]) -> bool:
        """Take over some of the models that were there: with many visitors all of them at once would be a stall."""
        for _ in range(_TURN):
            try:
                reference, of_model = self._waiting.popleft()
            except IndexError:
                return False
            document, model = reference(), of_model() if of_model is not None else None
            if document is None:
                continue
            if of_model is None:
                self._waiting.extendleft([(reference, weakref.ref(each)) for each in models_of(document)])
            elif model is not None and document_of_model(model) is document:
                self._ledger.accounts.attached(model, document)
        return bool(self._waiting)

    def _hasten(self, session: Any) -> None:
        document = document_of(session) if self._waiting else None
        if document is not None:
            self._take(document)

    def _take(self, document: Any) -> None:
        for model in models_of(document):
            self._ledger.accounts.attached(model, document)

    def _adopt(self, model: Any) -> None:
        document = document_of_model(model)
        if document is None:
            self._ledger.accounts.find(model).exempt = True
        else:
            self._ledger.accounts.attached(model, document)

    def alive(self) -> dict[str, int]:
        """Count the models that are alive, by class. From any thread."""
        self._ledger.drain()
        with self._ledger.accounts.lock:
            return dict(self._ledger.accounts.alive)

    def collect(self) -> Iterable[Level]:
        """Read the counts, which are kept."""
        yield Level("bokeh_models", sum(self.alive().values()))
        with self._ledger.accounts.lock:
            orphaned = dict(self._ledger.accounts.orphaned)
        for cls in {**self._labels, **orphaned}:
            yield Level(_ORPHANED, orphaned.get(cls, 0), (self._label(cls),))
        known = known_models()
        if known is not None:
            yield Level("bokeh_known_models", known)

    def _label(self, cls: str) -> str:
        label = self._labels.get(cls)
        if label is None:
            (label,), folded = self.state.limiter.admit(BY_NAME[_ORPHANED], (cls,))
            if folded:
                self.state.counter("bokeh_exporter_overflow_total", _ORPHANED).inc()
            else:
                self._labels[cls] = label
        return label
