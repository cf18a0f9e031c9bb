"""Which function and which element each change is of, so that what is sent of it has its place in the tree.

A change is seen as it is made, by whom it was made is noted on it, and what its message has for it is booked where
that is sent. Nothing is serialised for this.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from contextvars import ContextVar
from time import perf_counter
from typing import Any, ClassVar

from ... import config as options
from ...state.interactions import message_made
from ...state.ledger.changes import Change, Place
from ...state.ledger.tree import Tree
from ...state.records import Record
from ...state.safe_looks import attributes, is_a, items_of, type_name
from .. import slots
from ..callbacks.bokeh_callbacks import CallbackTimes
from ..frame import Observer
from ..hosts import Leave
from ..hosts.bokeh_documents import model_by_id
from ..hosts.bokeh_messages import weights
from ..hosts.bokeh_models import document_of, model_class
from ..hosts.sending import subject_of

#: Models at the top of a new value that are looked at.
_MADE = 100
_SITE = slots.site.name

#: The component of the user's that Panel brings up to date. Text: a task that copies the context may never end.
_updating: ContextVar[Place | None] = ContextVar("bokeh_exporter_updating", default=None)


class SentChanges(Observer):
    """Bytes by function and element."""

    name: ClassVar[str] = "sent_changes"
    level: ClassVar[options.CollectLevel] = "element"

    def start(self) -> None:
        """Subscribe to changes, to the messages that they are sent in, and to the updates of components."""
        self._calls, self._model = self.frame.find(CallbackTimes).calls, model_class()
        self.on.before("change_made", self._made)
        self.on.around("patch_serialising", self._serialising)
        self.on.before("patch_serialised", self._serialised)
        self.on.around("models_updating", self._component)

    def _made(self, event: Any) -> None:
        number, subject = slots.reported.get(event), subject_of(event)
        record = self.state.elements.record(number) if number and subject is not None else None
        if not number or record is None or subject is None:
            return
        model, new = subject
        identity = model.id if model is not None else None
        function, made = self._calls.function_here(), self._models_in(new)
        change = record.change
        if change is None or not change.repeats(number, function, identity, made):
            place = _updating.get() or (_place_of(model) if model is not None else None)
            change = record.change = Change(number, function, identity, made, place, perf_counter())
            record.add(Record.element, Tree.changed, change)
        slots.change.put(event, change)

    def _models_in(self, new: Any) -> Sequence[str]:
        if is_a(new, self._model):
            return (new.id,)
        if not is_a(new, list, tuple):
            return ()
        found: list[Any] = [item for item in items_of(new, _MADE) if is_a(item, self._model)]
        return [item.id for item in found]

    def _serialising(self, changes: Sequence[Any] = ()) -> Leave | None:
        if not changes:
            return None

        def leave(message: object, error: BaseException | None) -> None:
            if error is None and message is not None:
                self._serialised(changes, message)

        return leave

    def _serialised(self, changes: Sequence[Any], message: Any) -> None:
        known = [slots.change.get(each) for each in changes]
        if any(known):
            shares = list(zip(known, weights(message, len(known)), strict=True))
            slots.shares.put(message, shares)
            message_made(shares)

    def _component(self, owner: Any) -> Leave | None:
        site = (attributes(owner) or {}).get(_SITE)
        if site is None or not site.direct:
            return None
        token = _updating.set(Place("panel", type_name(type(owner)), site.path, site.line))

        def leave(result: object, error: BaseException | None) -> None:
            with contextlib.suppress(ValueError):  # what is awaited may end in another context
                _updating.reset(token)

        return leave


def _place_of(model: Any) -> Place | None:
    """Return the line that made a model, or the one whose method made it."""
    site = model.__dict__.get(_SITE)
    if site is None:
        return None
    if not site.direct:
        document = document_of(model) if site.owner is not None else None
        model = model_by_id(document, site.owner) if document is not None else None
        site = model.__dict__.get(_SITE) if model is not None else None
        if site is None or not site.direct:
            return None
    return Place("bokeh", type_name(type(model)), site.path, site.line)
