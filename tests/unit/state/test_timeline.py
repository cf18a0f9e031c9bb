"""The parts of an interaction: they add up, the innermost counts, and a wait only where nothing else goes on."""

from __future__ import annotations

import random

import pytest

from bokeh_exporter.state.ledger.recomputes import Recomputes
from bokeh_exporter.state.ledger.timeline import PARTS, Span, SpanList, chrome_trace, parts_of, thinned


def told(*spans: tuple[str, float, float]) -> list[Span]:
    return [Span(part, part, begin, end, 1) for part, begin, end in spans]


def test_the_innermost_counts_and_the_rest_is_other() -> None:
    spans = told(("functions", 1, 8), ("models", 2, 4), ("recompute", 3, 4), ("send", 9, 12))
    assert parts_of(spans, 0, 10) == {
        "lock": 0, "threads": 0, "apply": 0, "functions": 5, "models": 1, "recompute": 1, "serialise": 0, "send": 1,
        "other": 2,
    }  # fmt: skip


@pytest.mark.parametrize("wait", ["lock", "threads"])
def test_a_wait_counts_only_where_nothing_else_goes_on(wait: str) -> None:
    spans = told(("functions", 0, 4), (wait, 2, 8), ("send", 6, 7))
    assert parts_of(spans, 0, 8) == dict.fromkeys(PARTS, 0) | {"functions": 4, wait: 3, "send": 1}


def test_whatever_overlaps_adds_up() -> None:
    chance = random.Random(7)
    for _ in range(200):
        spans = [
            Span(chance.choice(PARTS[:-1]), "x", begin, begin + chance.random() * 5, chance.randrange(3))
            for begin in (chance.random() * 10 for _ in range(chance.randrange(12)))
        ]
        found = parts_of(spans, 1, 9)
        assert sum(found.values()) == pytest.approx(8)
        assert min(found.values()) >= 0


def test_thousands_of_models_become_some_that_add_up_to_about_the_same() -> None:
    spans = [Span("models", "Div", number, number + 0.99995, 1) for number in range(5000)]
    kept = thinned([*spans, Span("recompute", "recompute", 17.2, 17.3, 1)])
    assert len(kept) <= 400
    found = parts_of(kept, 0, 5000)
    assert found["models"] == pytest.approx(5000, rel=0.01)
    assert found["recompute"] == pytest.approx(0.1)


def test_of_what_alternates_the_longest_is_kept() -> None:
    parts = ("apply", "send")
    spans = [Span(parts[number % 2], "x", number / 2, number / 2 + 0.001, 1) for number in range(1200)]
    kept = thinned([*spans, Span("functions", "late()", 600, 660, 1)])
    assert len(kept) <= 400
    assert parts_of(kept, 0, 660)["functions"] == 60


def test_what_was_added_up_is_added_up_again_once_there_is_more() -> None:
    spans = SpanList(told(("functions", 0, 2)))
    assert parts_of(spans, 0, 4) is parts_of(spans, 0, 4)
    spans.append(Span("send", "send", 3, 4, 1))
    assert (parts_of(spans, 0, 4)["send"], parts_of(spans, 0, 5)["other"]) == (1, 2)


def test_a_trace_has_a_slice_for_each_span() -> None:
    trace = chrome_trace("/app n", told(("functions", 1, 3), ("lock", 0, 1)), 0, 4, 17.0, {"bytes_sent": 9})
    slices = [each for each in trace["traceEvents"] if each["ph"] == "X"]
    assert [(each["cat"], each["ts"], each["dur"]) for each in slices] == [
        ("interaction", 0, 4e6), ("lock", 0, 1e6), ("functions", 1e6, 2e6),
    ]  # fmt: skip


def test_what_overlaps_lies_in_a_lane_of_its_own_as_viewers_need_it() -> None:
    chance = random.Random(11)
    for _ in range(100):
        spans = [
            Span(chance.choice(PARTS[:-1]), "x", begin, begin + chance.randrange(1, 6), chance.randrange(2))
            for begin in (chance.randrange(10) for _ in range(chance.randrange(12)))
        ]
        trace = chrome_trace("/app n", spans, 0, 16, 17.0, {})["traceEvents"]
        open_until: dict[int, list[float]] = {}
        for each in (each for each in trace if each["ph"] == "X"):
            ends = open_until.setdefault(each["tid"], [])
            while ends and ends[-1] <= each["ts"]:
                ends.pop()
            assert not ends or each["ts"] + each["dur"] <= ends[-1]
            ends.append(each["ts"] + each["dur"])
        named = [each["tid"] for each in trace if each["ph"] == "M"]
        assert set(open_until) <= set(named)
        assert len(named) == len(set(named))


def test_several_recomputes_in_one_function_that_take_long_have_advice() -> None:
    recomputes = Recomputes()
    for _ in range(4):
        recomputes.add("app.py:fill", 0.09025)
    recomputes.add(None, 0.3)  # what Panel does by itself is nobody's to change
    recomputes.add("app.py:once", 0.3)
    for _ in range(3):
        recomputes.add("app.py:short", 0.001)
    parts = {**dict.fromkeys(PARTS, 0.0), "functions": 0.459, "recompute": 0.361, "lock": 5.0, "threads": 1.0}
    found = recomputes.as_json(parts)
    assert [(row["function"], row["count"]) for row in found["recomputes"]] == [
        ("app.py:fill", 4), (None, 1), ("app.py:once", 1), ("app.py:short", 3),
    ]  # fmt: skip
    assert found["advice"] == [
        {
            "function": "app.py:fill",
            "text": "fill(): 4 recomputes, 361 of 820 ms: make the changes in one `with doc.models.freeze():`",
            "outline": " def fill(...):\n+    with doc.models.freeze():\n         ...",
        }
    ]
