"""The leak ledger: what of destroyed sessions is still in memory, exact and without a walk of the heap.

*Retained* is what a full collection did not free that began at least the grace after the session's ``destroy`` had
returned; everything else is *pending*, for nobody has looked yet. The collection that Bokeh runs inside a ``destroy``
is before that session's own end, so it never judges it, and may judge another. A healthy server is not at
zero: Bokeh keeps the session that it destroyed last, Panel one Document per process.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterable
from typing import Any, ClassVar, Literal, NamedTuple

from ...catalogue import OTHER, UNCOLLECTED_STATES
from ...state import Level
from ...state.notices import UNCOLLECTED
from ..frame import Frame, Observer
from ..hosts import Leave
from ..hosts.bokeh_sessions import document_of, sessions_of
from ..memory.garbage_collector import Garbage
from .accounts import Accounts
from .weak_references import Owner


class Held(NamedTuple):
    """Something of a destroyed session that is alive."""

    app: str
    kind: Literal["session", "document", "model"]
    reference: weakref.ref[Any]
    #: ``time.monotonic()`` at which the ``destroy`` of its session had returned.
    destroyed: float
    retained: bool
    cls: str
    #: Whether its session had been destroyed before there was a ledger: then ``destroyed`` is when that was noticed.
    adopted: bool


class Left(NamedTuple):
    """What is left of an app's destroyed sessions; sessions are counted by their Documents."""

    pending_sessions: int
    retained_sessions: int
    pending_models: int
    retained_models: int
    #: Seconds since the oldest session of which a Document or model is alive was destroyed; 0 without one.
    oldest_age: float


class Ledger(Observer):
    """Group Uncollected of the catalogue, and the accounts behind it."""

    name: ClassVar[str] = "ledger"

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.accounts = Accounts(self._freed, self._retained)
        #: ``time.monotonic()`` at which the oldest session was destroyed that no collection has judged.
        self.oldest_pending: float | None = None
        self._destroying: dict[int, Owner] = {}

    def start(self) -> None:
        """Subscribe to the sessions' end, and take over the sessions that there are."""
        self.on.after("document_made", self._made)
        self.on.after("session_made", self._opened)
        self.on.around("session_destroying", self._ending)
        for context, app in self.apps.alive():
            for session in sessions_of(context):
                document = document_of(session)
                if document is not None:
                    owner = self.accounts.opened(document, session, app.label)
                    if session.destroyed:
                        self.accounts.ended(owner, time.monotonic())
        self.state.on_drain.append(self.drain)

    def refresh(self) -> None:
        """From the first application on, what is made may be a visitor's."""
        self.accounts.serving = self.accounts.serving or bool(self.apps.alive())

    def stop(self) -> None:
        """Forget everything: nothing of ours is left on what lives on."""
        self.state.on_drain.remove(self.drain)
        self.accounts.clear()

    def after_fork(self, serves: bool) -> None:
        """The lock may have been held by a thread that did not come along."""
        self.accounts.lock = threading.Lock()

    # --- events --------------------------------------------------------------------------------

    def _made(self, document: object, models: list[Any]) -> None:
        self.accounts.made_by_bokeh(models)

    def _opened(self, session: Any, document: Any, context: Any) -> None:
        if context is not None:  # else a stub that Panel warms an app with
            self.accounts.serving = True
            self.accounts.opened(document, session, self.apps.of(context).label)

    def _ending(self, session: Any) -> Leave | None:
        document = document_of(session)
        owner = self.accounts.owner(document) if document is not None else None
        if owner is None or not owner.app or owner.ended is not None:
            return None  # the sweep comes back to a zombie again and again
        thread = threading.get_ident()
        self._destroying[thread] = owner

        def leave(result: object, error: BaseException | None) -> None:
            self._destroying.pop(thread, None)
            self.accounts.ended(owner, time.monotonic())

        return leave

    def destroying(self) -> str | None:
        """Return the label of the app whose session is being destroyed in this thread."""
        owner = self._destroying.get(threading.get_ident())
        return owner.app if owner is not None else None

    def _freed(self, owner: Owner) -> None:
        if not owner.adopted and owner.ended is not None:
            seconds = max(0.0, time.monotonic() - owner.ended)
            self.apps.labelled(owner.app).histogram("bokeh_session_collect_duration_seconds").observe(seconds)

    def _retained(self, owner: Owner) -> None:
        # With the accounts' lock held: an append and no more. Who has adopted it has said so, once for all of it.
        if owner.adopted:
            return
        age = time.monotonic() - (owner.ended or 0.0)
        attributes: dict[str, str | float] = {
            "bokeh.app": owner.app,
            "bokeh.models": owner.models,
            "bokeh.session.uncollected.age": age,
        }
        self.state.notices.emit(UNCOLLECTED, attributes, warns=True)

    # --- what there is -------------------------------------------------------------------------

    def drain(self) -> None:
        """Book what has happened, and judge what the last full collection has left."""
        # Read before the deaths are booked, which came before that collection ended.
        judged = self.frame.find(Garbage).full_begun - self.frame.config.grace
        self.accounts.drain(judged)
        pending = next(iter(list(self.accounts.pending.values())), None)
        self.oldest_pending = pending.ended if pending is not None else None

    def counts(self) -> dict[str, Left]:
        """Count what is left, by the label of the app, of which a session has ended. From any thread."""
        self.drain()
        now = time.monotonic()
        with self.accounts.lock:
            return {
                app: Left._make([*account.documents, *account.models, _age(account.owners.values(), now)])
                for app, account in self.accounts.by_app.items()
            }

    def held(self) -> list[Held]:
        """List everything of destroyed sessions that is alive: sessions and zombies, Documents, models.

        From any thread; takes milliseconds where there are many models. Refers to nothing strongly.
        """
        self.drain()
        found: list[Held] = []
        with self.accounts.lock:
            for account in self.accounts.by_app.values():
                for owner in account.owners.values():
                    if owner.session is not None:
                        found.append(_held(owner, "session", owner.session, "ServerSession"))
                    if owner.document is not None:
                        found.append(_held(owner, "document", owner.document, "Document"))
            for ref in list(self.accounts.models.values()):
                if ref.member is not None and ref.member.closed:
                    found.append(_held(ref.member, "model", ref, ref.cls))
        return found

    def collect(self) -> Iterable[Level]:
        """Report what is left; an app that is gone counts as ``other``."""
        known = set(self.apps.labels())
        for app, left in self.counts().items():
            label = app if app in known else OTHER
            for state, sessions, models in zip(UNCOLLECTED_STATES, left[:2], left[2:4], strict=True):
                yield Level("bokeh_sessions_uncollected", sessions, (label, state))
                yield Level("bokeh_models_uncollected", models, (label, state))
            yield Level("bokeh_session_uncollected_age_max_seconds", left.oldest_age, (label,))


def _age(owners: Iterable[Owner], now: float) -> float:
    for owner in owners:
        if owner.ended is not None and (owner.document is not None or owner.models):
            return now - owner.ended
    return 0.0


def _held(owner: Owner, kind: Literal["session", "document", "model"], ref: weakref.ref[Any], cls: str) -> Held:
    return Held(owner.app, kind, ref, owner.ended or 0.0, owner.retained, cls, owner.adopted)
