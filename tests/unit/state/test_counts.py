"""Counts of the hot path: nothing is lost where a look finds the same texts as the one before."""

from __future__ import annotations

import threading

from bokeh_exporter.state import Level, State
from bokeh_exporter.state.levels import Parts

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


def test_looks_are_not_counted_and_nothing_is_lost_between_them() -> None:
    state = State()
    counts = [state.counts.of(state.counter(MESSAGES, f"/{number}", "other")) for number in range(3)]
    for round_ in range(5):
        for number, count in enumerate(counts):
            for _ in range(number):
                count.one()
        if round_ == 2:  # one that comes between two looks, and has counted by then
            counts.append(state.counts.of(state.counter(MESSAGES, "/3", "other")))
        for _ in range(3):
            state.drain()
    assert [total(state, f"/{number}") for number in range(4)] == [0, 5, 10, 6]


def test_two_threads_that_count_while_a_third_looks_lose_nothing() -> None:
    state = State()
    count, each = state.counts.of(state.counter(MESSAGES, "/a", "other")), 50_000
    threads = [threading.Thread(target=lambda: [count.one() for _ in range(each)]) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        state.drain()
    state.drain()
    assert total(state, "/a") == 2 * each


def test_a_sample_that_changes_nothing_is_the_same_snapshot_and_rows_of_two_sources_are_added() -> None:
    parts, row = Parts(), "bokeh_sessions"
    parts.put("one", [Level(row, 1.0, ("/a", "connected")), Level(row, 2.0, ("/a", "unused"))])
    parts.put("two", [Level(row, 4.0, ("/a", "connected")), Level("bokeh_asyncio_tasks", 3.0)])
    whole = parts.snapshot()
    assert whole == {row: {("/a", "connected"): 5.0, ("/a", "unused"): 2.0}, "bokeh_asyncio_tasks": {(): 3.0}}
    parts.put("two", [Level(row, 4.0, ("/a", "connected")), Level("bokeh_asyncio_tasks", 3.0)])
    assert parts.snapshot() is whole
    parts.put("one", [Level(row, 3.0, ("/a", "connected"))])
    assert parts.snapshot() == {row: {("/a", "connected"): 7.0}, "bokeh_asyncio_tasks": {(): 3.0}}
    assert whole[row]["/a", "connected"] == 5.0, "a scrape may hold it"
