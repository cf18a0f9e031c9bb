"""Takes over what sessions left that had been destroyed before there was a ledger, recognised by its state.

Nobody knows when its session was destroyed, nor of which app it was, unless there is only one. So its age counts from
now on, and no duration is made of it.
"""

from __future__ import annotations

import time
import weakref
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ..hosts.bokeh_models import left_over
from .accounts import Accounts
from .weak_references import Owner


def adopt(accounts: Accounts, app: str, left: Iterable[weakref.ref[Any]]) -> Mapping[str, int]:
    """Book what was found in memory and is not known; return how many sessions, Documents and models that are.

    Args:
        accounts: the ledger's.
        app: the label that they count under.
        left: what ``left_over`` has a name for.
    """
    accounts.drain()
    with accounts.lock:  # nothing is booked before all of it is said
        counts = _adopt(accounts, app, left)
    accounts.drain()
    return counts


def _adopt(accounts: Accounts, app: str, left: Iterable[weakref.ref[Any]]) -> Counter[str]:
    owners = [*accounts.owners.values(), *(o for account in accounts.by_app.values() for o in account.owners.values())]
    known = {owner.session.key for owner in owners if owner.session is not None}
    counts, now = Counter(session=0, document=0, model=0), time.monotonic()
    of_models = _owner(app)
    for reference in left:
        thing = reference()
        kind = left_over(thing) if thing is not None else None
        owner = _owner(app)
        if kind == "document":
            owner = accounts.owner(thing)
            if owner.app:
                continue
            owner.app, owner.adopted = app, True
        elif kind == "session" and id(thing) not in known:
            owner.session = accounts.link(thing, owner)
        elif kind == "model" and not _is_known(accounts, thing):
            accounts.find(thing).owner = of_models
            accounts.made_by_bokeh([thing])  # as these it is no orphan
        else:
            continue
        counts[kind] += 1
        if kind != "model":
            accounts.ended(owner, now)
        del thing
    # Last: an owner of which nothing has been booked yet would be settled.
    if counts["model"]:
        accounts.ended(of_models, now)
    return counts


def _is_known(accounts: Accounts, model: Any) -> bool:
    ref = accounts.models.get(id(model))
    # What was there when the hooks came, in no Document, is exempt; what is being made by now is not.
    return ref is not None and ref() is model and not (ref.exempt and ref.owner is None)


def _owner(app: str) -> Owner:
    owner = Owner()
    owner.app, owner.adopted = app, True
    return owner
