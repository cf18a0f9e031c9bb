"""The entries of the book: weak references that carry what is known of what they refer to.

Their callbacks get the reference itself, so that ``deque.append`` is the whole callback: it is C, takes no
lock and may run inside the garbage collector. Plain objects of slots: there is one for each model.
"""

from __future__ import annotations

import weakref
from typing import Any


class ModelRef(weakref.ref[Any]):
    """A model, as far as it is known."""

    __slots__ = ("attached", "cls", "exempt", "gone", "key", "known", "member", "orphan", "owner")

    # What hooks write.
    key: int
    cls: str
    #: Of the Document that it was attached to last.
    owner: Owner | None
    attached: bool
    #: Made by Bokeh for a Document, or before there was an application: no orphan.
    exempt: bool
    # What is booked.
    known: bool
    gone: bool
    member: Owner | None
    orphan: bool


class OwnerRef(weakref.ref[Any]):
    """The Document or the session of an owner."""

    __slots__ = ("key", "owner")

    key: int
    owner: Owner


class Owner:
    """What is known of a Document and of the session that it belongs to, if any. Refers to neither."""

    __slots__ = ("adopted", "app", "closed", "document", "ended", "models", "removed", "retained", "session")

    def __init__(self) -> None:
        #: Label of the app; empty for a Document that no session has.
        self.app = ""
        self.document: OwnerRef | None = None
        self.session: OwnerRef | None = None
        #: ``time.monotonic()`` at which the session's ``destroy`` had returned.
        self.ended: float | None = None
        #: Whether it had been destroyed before there was a ledger: then ``ended`` is when that was noticed.
        self.adopted = False
        #: Whether that is booked.
        self.closed = False
        self.retained = False
        #: How many models that were ever attached are alive.
        self.models = 0
        #: Those that were detached while the session lives.
        self.removed: dict[int, ModelRef] = {}


class Account:
    """What is left of an app's destroyed sessions; lists by state: pending, retained."""

    __slots__ = ("documents", "models", "owners")

    def __init__(self) -> None:
        self.documents, self.models = [0, 0], [0, 0]
        #: Owners of which something is alive, those destroyed first coming first.
        self.owners: dict[int, Owner] = {}


def add(numbers: dict[str, int], key: str, number: int) -> None:
    """Add to one of the numbers; what is zero is not kept."""
    numbers[key] = numbers.get(key, 0) + number
    if not numbers[key]:
        del numbers[key]
