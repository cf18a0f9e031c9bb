"""What is said of a function that ran several times."""

from __future__ import annotations

import pytest

from bokeh_exporter.state.ledger.runs import Parameter, Runs

pytestmark = pytest.mark.once


def parameter(name: str) -> Parameter:
    return Parameter("Settings", name, None, None)


def test_causes_are_named_and_what_is_quick_or_ran_once_is_not_listed() -> None:
    runs = Runs()
    runs.add("app.py:view", None, (parameter("a"), parameter("a"), parameter("b")), 1)
    for _ in range(2):
        runs.add("app.py:view", "app.py:Settings.moved", (parameter("c"),), 1)
    runs.add("app.py:view", None, (), 1)
    runs.add("app.py:view", "app.py:called", (), 1)
    runs.add("app.py:once", None, (), 1)
    for _ in range(9):
        runs.add("app.py:quick", None, (), 1)
    runs.add("app.py:generator", None, (), 0)
    functions = {
        "app.py:view": [5, 0.5],
        "app.py:once": [1, 3.0],
        "app.py:quick": [9, 0.01],
        "app.py:generator": [0, 1.0],
    }
    (one,) = runs.advice(functions)
    assert one == {
        "function": "app.py:view",
        "text": "view() ran 5 times, 500 ms: for a of Settings and b of Settings; "
        "2 times for c of Settings, changed by Settings.moved(); for a cause that is not known; called by called()",
        "outline": None,
    }
