"""Bytes at each edge: what a message has for each change, and which element a change belongs to."""

from __future__ import annotations

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.document.events import ColumnDataChangedEvent, ModelChangedEvent
from bokeh.models import ColumnDataSource, Div

from bokeh_exporter.observe.hosts.bokeh_messages import weights
from bokeh_exporter.state.interactions import Interactions, sending_message
from bokeh_exporter.state.ledger.changes import Change, Place, shared
from bokeh_exporter.state.ledger.tree import Site, Tree

pytestmark = pytest.mark.once


def test_the_parts_add_up_to_the_whole() -> None:
    assert list(shared(100, [1, 1, 1])) == [33, 33, 34]
    assert list(shared(7, [0, 9])) == [0, 7]


def test_changes_of_one_message_weigh_what_they_have_in_it() -> None:
    from bokeh.protocol import Protocol  # Bokeh 4 has none, and collects this file too

    document, texts, source = Document(), [Div(text=""), Div(text="")], ColumnDataSource(data={})
    for model in (*texts, source):
        document.add_root(model)
    document.models.flush_synced(lambda model: False)
    trap = '},{"kind":"' * 3  # in a text its quotes are escaped
    data = {"x": np.arange(1000.0)}
    changes = [
        ModelChangedEvent(document, texts[0], "text", "short"),
        ColumnDataChangedEvent(document, source, "data", data),  # 8 kB, in a buffer beside the JSON
        ModelChangedEvent(document, texts[1], "text", trap + "x" * 3000),
    ]
    source.data = data
    short, large, long = weights(Protocol().create("PATCH-DOC", changes), 3)
    assert short < 200
    assert 8000 < large < 8500
    assert 3000 < long < 3300


def test_what_is_sent_is_booked_on_the_changes_and_on_who_made_them() -> None:
    interactions = Interactions()
    one, other = interactions.begin("/a", "property"), interactions.begin("/a", "property")
    mine, yours = (Change(each.number, None, None, (), None, 0.0) for each in (one, other))
    with sending_message([(mine, 300), (yours, 100)]):
        interactions.sent(1000)
    assert (one.bytes_sent, other.bytes_sent) == (mine.bytes, yours.bytes) == (750, 250)


def test_a_change_belongs_to_what_its_value_holds_else_to_what_it_changes_else_to_its_function() -> None:
    tree = Tree()
    tree.ran(None, "app.py:view", 1, 0.1, 0.1, False)
    tree.model("app.py:view", "p2", "Div", Site("app.py", 7, True, None), 1.0, 1.1)
    place = Place("bokeh", "Column", "app.py", 3)
    put, kept, bare = (
        Change(1, "app.py:view", model, made, where, 1.2)
        for model, made, where in (("p1", ("p2",), place), ("p1", (), place), (None, (), None))
    )
    for change, size in (put, 500), (kept, 40), (bare, 6):
        tree.changed(change)
        change.bytes = size
    (node,) = tree.as_json()
    assert {(each["class"], each["how"]): each["bytes"] for each in node["elements"]} == {
        ("Div", "constructed"): 500, ("Column", "in_place"): 40,
    }  # fmt: skip
    assert node["bytes"] == 6
