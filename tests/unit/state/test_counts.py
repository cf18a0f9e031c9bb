"""Counts of the hot path: nothing is lost where a look finds the same texts as the one before."""

from __future__ import annotations

from bokeh_exporter.state import State

MESSAGES = "bokeh_websocket_received_messages_total"


def total(state: State, app: str) -> float:
    return sum(value for _, labels, value in state.totals(MESSAGES) if labels[0] == app)


def test_a_count_that_takes_the_place_of_a_forgotten_one_is_seen() -> None:
    state = State()
    old, new = state.counter(MESSAGES, "/old", "other"), state.counter(MESSAGES, "/new", "other")
    state.counts.of(old).one()
    state.drain()
    assert (state.busy, total(state, "/old")) == (True, 1)

    state.busy = False
    state.drain()
    assert not state.busy, "nothing was counted since"

    state.counts.forget(old)
    state.counts.of(new).one()
    state.drain()
    assert (state.busy, total(state, "/new")) == (True, 1)
