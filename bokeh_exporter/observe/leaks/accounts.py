"""The accounts of what must go: a weak reference to every model, Document and session, and what is counted of them.

Hooks and the callbacks of weak references only set plain attributes and append to queues, from any
thread and without a lock; ``drain`` books it all, off the hot path. Entries are found by ``id``,
so nothing is written into a model, and nothing has to be taken off it. An ``id`` may be used again before
its last owner's death is booked: an entry is good only while it refers to the very object.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from ...state.safe_looks import type_name
from .weak_references import Account, ModelRef, Owner, OwnerRef, add

#: Changes that wait to be booked, beyond which who makes a model books them: nobody else seems to.
_WAITING = 100_000


class Accounts:
    """All entries. ``freed`` is called when a Document has died, ``retained`` with what is judged so, see ``drain``."""

    def __init__(self, freed: Callable[[Owner], None], retained: Callable[[Owner], None]) -> None:
        self._freed, self._retained = freed, retained
        self.lock = threading.Lock()
        self._changed: deque[ModelRef | Owner] = deque()
        self._dead: deque[ModelRef | OwnerRef] = deque()
        self.models: dict[int, ModelRef] = {}
        self.owners: dict[int, Owner] = {}
        #: Label of an app -> its account.
        self.by_app: dict[str, Account] = {}
        #: Owners that no full collection has judged, those destroyed first coming first.
        self.pending: dict[int, Owner] = {}
        #: Models by class: alive, and alive in no Document.
        self.alive: dict[str, int] = {}
        self.orphaned: dict[str, int] = {}
        #: Whether there is an application. What is made before that belongs to the process, such as Panel's defaults.
        self.serving = False

    # --- from hooks: any thread, no lock ---------------------------------------------------------

    def constructed(self, model: Any) -> ModelRef:
        """Note a new model, or one that is new to us."""
        ref = ModelRef(model, self._dead.append)
        ref.key = key = id(model)
        ref.cls = type_name(type(model))
        ref.owner = ref.member = None
        ref.exempt = not self.serving
        ref.attached = ref.known = ref.gone = ref.orphan = False
        self.models[key] = ref
        self._changed.append(ref)
        if len(self._changed) > _WAITING and self.lock.acquire(blocking=False):
            try:
                self._drain()
            finally:
                self.lock.release()
        return ref

    def find(self, model: Any) -> ModelRef:
        """Return the entry of a model."""
        ref = self.models.get(id(model))
        return ref if ref is not None and ref() is model else self.constructed(model)

    def attached(self, model: Any, document: Any) -> None:
        """Note that a model has come into a Document."""
        ref = self.find(model)
        ref.owner = self.owner(document)
        ref.attached, ref.exempt = True, False
        self._changed.append(ref)

    def detached(self, model: Any) -> None:
        """Note that a model has left its Document."""
        ref = self.find(model)
        ref.attached = False
        self._changed.append(ref)

    def owner(self, document: Any) -> Owner:
        """Return the owner that stands for a Document, made if there is none."""
        owner = self.owners.get(id(document))
        if owner is None or owner.document is None or owner.document() is not document:
            owner = Owner()
            owner.document = self.link(document, owner)
            self.owners[id(document)] = owner
        return owner

    def opened(self, document: Any, session: Any, app: str) -> Owner:
        """Note that a session has come, with its Document."""
        owner = self.owner(document)
        owner.app = app
        owner.session = self.link(session, owner)
        return owner

    def ended(self, owner: Owner, now: float) -> None:
        """Note that the ``destroy`` of an owner's session has returned."""
        owner.ended = now
        self._changed.append(owner)

    def made_by_bokeh(self, models: list[Any]) -> None:
        """Note what Bokeh made for a Document: it is never an orphan."""
        for model in models:
            ref = self.find(model)
            ref.exempt = True
            self._changed.append(ref)

    def link(self, thing: Any, owner: Owner) -> OwnerRef:
        """Return a weak reference that says when an owner's Document or session has died."""
        link = OwnerRef(thing, self._dead.append)
        link.key, link.owner = id(thing), owner
        return link

    def clear(self) -> None:
        """Take every weak reference off; those of owners are in cycles with them."""
        with self.lock:
            for owner in [*self.owners.values(), *(o for each in self.by_app.values() for o in each.owners.values())]:
                owner.document = owner.session = None
            for entries in (self.models, self.owners, self.by_app, self.pending, self._changed, self._dead):
                entries.clear()

    # --- off the hot path ------------------------------------------------------------------------

    def drain(self, judged: float | None = None) -> None:
        """Book what has happened.

        Args:
            judged: owners that were destroyed until then are retained, if something of them is alive after this.
        """
        with self.lock:
            self._drain()
            if judged is not None:
                self._judge(judged)

    def _drain(self) -> None:
        for _ in range(len(self._changed)):
            entry = self._changed.popleft()
            if isinstance(entry, Owner):
                self._close(entry)
            else:
                self._book(entry)
        lost = False
        for _ in range(len(self._dead)):
            dead = self._dead.popleft()
            if isinstance(dead, OwnerRef):
                lost |= self._lose(dead)
            else:
                self._bury(dead)
        if lost:
            self._release()

    def _book(self, ref: ModelRef) -> None:
        if ref.gone:
            return
        if not ref.known:
            ref.known = True
            add(self.alive, ref.cls, 1)
        owner = ref.owner
        if owner is not ref.member:
            self._move(ref, owner)
        free = not ref.attached or (owner is not None and owner.document is None)
        orphan = free and not ref.exempt and (owner is None or not owner.closed)
        if orphan is not ref.orphan:
            ref.orphan = orphan
            add(self.orphaned, ref.cls, 1 if orphan else -1)
        if owner is not None:  # an orphan may have come to its owner and left again since it was booked last
            if orphan:
                owner.removed[ref.key] = ref
            elif owner.removed.get(ref.key) is ref:
                del owner.removed[ref.key]

    def _move(self, ref: ModelRef, owner: Owner | None) -> None:
        for each, number in ((ref.member, -1), (owner, 1)):
            if each is not None:
                each.models += number
                if each.closed:
                    self.by_app[each.app].models[each.retained] += number
        last, ref.member = ref.member, owner
        if last is not None:
            if last.removed.get(ref.key) is ref:
                del last.removed[ref.key]
            self._settle(last)

    def _bury(self, ref: ModelRef) -> None:
        if self.models.get(ref.key) is ref:
            del self.models[ref.key]
        if not ref.known:
            ref.gone = True
            return
        add(self.alive, ref.cls, -1)
        ref.owner, ref.attached, ref.exempt = None, True, True
        self._book(ref)  # out of its owner's numbers, and no orphan
        ref.gone = True

    def _close(self, owner: Owner) -> None:
        if owner.closed or not owner.app:
            return
        owner.closed = True
        account = self.by_app.setdefault(owner.app, Account())
        account.owners[id(owner)] = self.pending[id(owner)] = owner
        account.models[0] += owner.models
        if owner.document is not None:
            account.documents[0] += 1
        elif owner.ended is not None:
            self._freed(owner)
        for ref in list(owner.removed.values()):
            self._book(ref)
        self._settle(owner)

    def _lose(self, dead: OwnerRef) -> bool:
        """Book the death of a Document or session; return whether it may have left models without any."""
        owner = dead.owner
        if dead is owner.session:
            owner.session = None
            self._settle(owner)
        if dead is not owner.document:
            return False
        owner.document = None
        if self.owners.get(dead.key) is owner:
            del self.owners[dead.key]
        if owner.closed and owner.ended is not None:
            self.by_app[owner.app].documents[owner.retained] -= 1
            self._freed(owner)
            self._settle(owner)
        return owner.models > 0 and not owner.closed

    def _release(self) -> None:
        # Models survive a Document that no session has destroyed: there is no shorter way to them, and this is rare.
        for ref in list(self.models.values()):
            if ref.member is not None and ref.member.document is None:
                self._book(ref)

    def _settle(self, owner: Owner) -> None:
        """Forget an owner of which nothing is alive."""
        if owner.closed and owner.document is None and not owner.models:
            self.pending.pop(id(owner), None)
            if owner.session is None:
                self.by_app[owner.app].owners.pop(id(owner), None)

    def _judge(self, judged: float) -> None:
        for key, owner in list(self.pending.items()):
            if owner.ended is None or owner.ended > judged:
                break
            del self.pending[key]
            owner.retained = True
            self._retained(owner)
            account = self.by_app[owner.app]
            for numbers, number in ((account.models, owner.models), (account.documents, owner.document is not None)):
                numbers[0] -= number
                numbers[1] += number
