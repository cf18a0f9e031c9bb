"""What sessions left before there was a ledger: recognised by its state, and booked without a duration."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from bokeh.document import Document
from bokeh.models import Div, Slider

from bokeh_exporter.diagnose.heap.holders import leftovers
from bokeh_exporter.observe.hosts.bokeh_models import configuration, left_classes, left_over
from bokeh_exporter.observe.leaks.accounts import Accounts
from bokeh_exporter.observe.leaks.adoption import adopt
from bokeh_exporter.observe.leaks.weak_references import Owner

pytestmark = pytest.mark.front_door


def session_end(document: Document) -> None:
    def session(event: object) -> None: ...

    document.on_change(session)
    document.destroy(session)


def document(*roots: Any) -> Document:
    made = Document()
    for root in roots:
        made.add_root(root)
    return made


def test_what_is_destroyed_is_found_by_its_state_and_what_lives_is_not() -> None:
    kept, alive, loose = Div(text="kept"), Div(text="alive"), Div(text="in no document")
    gone, live = document(kept), document(alive)
    session_end(gone)
    found = {id(reference()) for reference in leftovers(left_classes(), lambda thing: left_over(thing) is not None)}
    assert {id(gone), id(kept)} <= found
    assert not {id(live), id(alive), id(loose)} & found
    assert (left_over(gone), left_over(kept)) == ("document", "model")


@pytest.mark.skipif(not hasattr(Document, "config"), reason="of Bokeh 3.5")
def test_the_configuration_of_a_document_that_lives_is_known_by_it() -> None:
    live = document(Div())
    config = live.config
    notifications = config.notifications
    assert configuration(live) == {id(config), id(notifications)}
    assert left_over(config) == (None if config.document else "model")  # by its own state, up to Bokeh 3
    session_end(live)
    assert configuration(live) == configuration(config) == set()


def test_what_is_adopted_is_pending_then_retained_then_gone_and_makes_no_duration() -> None:
    freed: list[Owner] = []
    accounts = Accounts(freed.append, lambda owner: None)
    kept = Slider(start=0, end=9, value=1)
    gone = document(kept)
    session_end(gone)
    known = Div(text="made after the hooks had come")
    accounts.serving = True
    accounts.constructed(known)
    known.destroy()
    left = [weakref.ref(each) for each in (gone, kept, known)]
    assert adopt(accounts, "/app", left) == {"session": 0, "document": 1, "model": 1}
    assert adopt(accounts, "/app", left) == {"session": 0, "document": 0, "model": 0}
    account = accounts.by_app["/app"]
    assert (account.documents, account.models) == ([1, 0], [1, 0])
    accounts.drain(judged=float("inf"))
    assert (account.documents, account.models) == ([0, 1], [0, 1])
    assert accounts.orphaned.get("Slider") is None
    del gone, kept
    gc.collect()
    accounts.drain()
    assert (account.documents, account.models, account.owners) == ([0, 0], [0, 0], {})
    assert all(owner.adopted for owner in freed)
