"""Collection rules: when they are due, and which files are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bokeh_exporter.config import ConfigError
from bokeh_exporter.diagnose.rules import GROWTH, RETAINED, Condition, Rule, Rules, read
from bokeh_exporter.state.numbers import Numbers

METRIC = "bokeh_sessions_uncollected"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_rule_waits_for_its_time_and_keeps_to_its_number_an_hour() -> None:
    clock = Clock()
    rule = Rule("growth-2", ("stacks",), ("log",), verdicts=("process_growth",), seconds=600, most_per_hour=2)
    rules = Rules([rule], clock)
    ran = []
    for minute in range(120):
        clock.now = 1000.0 + 60 * minute
        verdicts = {"healthy"} if minute == 5 else {"process_growth"}
        if rules.due(verdicts, {}):
            ran.append(minute)
    # It holds from minute 6 on, for ten minutes at 16; twice an hour.
    assert ran == [16, 17, 76, 77]


def test_what_is_done_unasked_counts_each_app_by_itself() -> None:
    clock = Clock()
    rules = Rules([RETAINED, GROWTH], clock)
    assert rules.due({"healthy"}, {METRIC: {("/a", "retained"): 1.0, ("/b", "pending"): 9.0}}) == []
    assert rules.due({"healthy"}, {METRIC: {("/a", "retained"): 2.0}}) == [(RETAINED, frozenset({"/a"}))]
    both: Numbers = {METRIC: {("/a", "retained"): 5.0}, "bokeh_models_uncollected": {("/b", "retained"): 20.0}}
    assert rules.due({"session_growth"}, both) == [(RETAINED, frozenset({"/b"})), (GROWTH, frozenset({""}))]
    assert rules.due({"session_growth"}, both) == []
    clock.now += 3600
    assert rules.due({"healthy"}, both) == [(RETAINED, frozenset({"/a", "/b"}))]
    # Somebody asked for a search at that moment: the turn of one is not lost for an hour.
    rules.did_not_run(RETAINED, {"/b"})
    assert rules.due({"healthy"}, both) == [(RETAINED, frozenset({"/b"}))]
    assert rules.due({"healthy"}, both) == []


def test_a_file_of_rules(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    row = {
        "name": "full", "metric": "bokeh_sessions", "labels": {"state": "connected"}, "above": 40, "for": 60,
        "gather": ["census", "explain"], "most_per_hour": 3,
        "to": ["log", "folder:found", "https://hooks.example.org/x"],
    }  # fmt: skip
    path.write_text(json.dumps([row, {"name": "v", "verdict": "fragmentation", "gather": "stacks", "to": "otlp"}]))
    assert read(str(path)) == [
        Rule("full", ("census", "explain"), ("log", "folder:found", "https://hooks.example.org/x"), (),
             (Condition("bokeh_sessions", {"state": "connected"}, 40, None),), 60.0, 3),
        Rule("v", ("stacks",), ("otlp",), ("fragmentation",)),
    ]  # fmt: skip


GOOD = {"name": "one", "verdict": "fragmentation", "gather": "stacks", "to": "log"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"when": 1}, "the key 'when' is unknown"),
        ({"name": "a b"}, "name must be a word"),
        ({"name": "retained"}, "the name 'retained' is taken"),
        ({"verdict": "growth"}, "verdict must be among"),
        ({"verdict": []}, "it needs a verdict or a metric"),
        ({"gather": "heap"}, "gather must be among"),
        ({"gather": []}, "gather must be among"),
        ({"to": "ftp://x"}, "to must be among"),
        ({"to": "folder:"}, "to must be among"),
        ({"for": -1}, "for must be a number of seconds"),
        ({"for": float("nan")}, "for must be a number of seconds"),
        ({"most_per_hour": 61}, "most_per_hour must be a whole number"),
        ({"metric": "bokeh_session", "above": 1}, "is no gauge or counter"),
        ({"metric": "bokeh_sessions"}, "needs above or below"),
        ({"metric": "bokeh_sessions", "above": "1"}, "needs above or below"),
        ({"metric": "bokeh_sessions", "labels": {"kind": "x"}, "above": 1}, "labels of bokeh_sessions are app, state"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = tmp_path / "rules.json"
    path.write_text(json.dumps([{**GOOD, **change}]))
    with pytest.raises(ConfigError, match=said) as refused:
        read(str(path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "{}", "[1]", "\xff"])
def test_a_file_that_is_no_list_of_rules(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rules.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match="collection rules: "):
        read(str(path))
    with pytest.raises(ConfigError, match="cannot be read"):
        read(str(tmp_path / "none.json"))
