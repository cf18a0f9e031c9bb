"""Attribution of resident memory, on this very process: nesting, steps, threads."""

from __future__ import annotations

import asyncio
import mmap
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from bokeh_exporter.observe.memory import readings
from bokeh_exporter.observe.memory.attribution import Attribution
from bokeh_exporter.observe.memory.readings import CLOSE, UNATTRIBUTED
from bokeh_exporter.observe.memory.statm import Statm
from bokeh_exporter.observe.memory.stepped import Stepped
from bokeh_exporter.state import State
from bokeh_exporter.state.interactions import current

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")

MB = 1_000_000
kept: list[mmap.mmap] = []


def keep(megabytes: int) -> None:
    # Pages of its own: the heap may have some left from before, and then nothing is gained.
    pages = mmap.mmap(-1, megabytes * MB)
    for position in range(0, len(pages), mmap.PAGESIZE):
        pages[position] = 1
    kept.append(pages)


@pytest.fixture
def state() -> Iterator[State]:
    state = State()
    state.memory.attribution = attribution = Attribution(state.interactions)
    attribution.start()
    yield state
    attribution.stop()
    kept.clear()


def measured(state: State) -> Attribution:
    assert isinstance(state.memory.attribution, Attribution)
    return state.memory.attribution


def booked(attribution: Attribution) -> dict[tuple[str, str], float]:
    """Return what was booked, to the next ten MB: what tests keep are tens, what the heap reuses is less."""
    return {owner: round(size / MB / 10) * 10 for owner, size in attribution.read()[0].items() if abs(size) > 5 * MB}


def test_what_is_inside_is_not_counted_outside(state: State) -> None:
    attribution = measured(state)
    outer = attribution.enter("/a", "message")
    keep(20)
    inner = attribution.enter("/a", "callback")
    keep(50)
    attribution.leave(inner)
    keep(30)
    attribution.leave(outer)
    keep(40)
    assert booked(attribution) == {("/a", "message"): 50, ("/a", "callback"): 50}
    assert round(attribution.read()[1] / MB, -1) == 40


def test_messages_that_follow_each_other_closely_keep_what_they_gain(state: State) -> None:
    attribution = measured(state)
    first, second = ("/a", "message"), ("/b", "message")
    attribution.read()

    def called_back(size: int) -> None:
        keep(20)
        assert attribution.inside()
        inner = attribution.enter("/a", "callback")
        keep(size)
        attribution.leave(inner)

    for owner, size in (first, 20), (first, 30), (second, 50):
        run_message(attribution, owner, keep, size)
    run_message(attribution, first, called_back, 70)
    assert not attribution.inside()
    assert booked(attribution) == {first: 70, second: 50, ("/a", "callback"): 70}
    time.sleep(2 * CLOSE)
    keep(40)
    run_message(attribution, first, keep, 1)
    assert booked(attribution)[first] == 70
    assert round(attribution.read()[1] / MB, -1) == 40


def test_a_message_that_takes_long_is_read_at_its_end(state: State) -> None:
    attribution = measured(state)
    attribution.read()

    def slow(size: int) -> None:
        keep(size)
        time.sleep(2 * CLOSE)

    run_message(attribution, ("/a", "message"), slow, 30)
    keep(20)
    assert booked(attribution) == {("/a", "message"): 30}
    assert round(attribution.read()[1] / MB, -1) == 20


def called_back(attribution: Attribution, size: int, activity: str = "callback") -> None:
    inner = attribution.enter("/a", activity)
    keep(size)
    attribution.leave(inner)


def test_a_row_of_messages_with_quick_functions_is_read_once_and_theirs(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "FRESH", 60.0)  # what takes less is quick
    monkeypatch.setattr(readings, "CLOSE", 60.0)
    state.memory.attribution = attribution = Attribution(state.interactions)
    attribution.start()
    message, callback, read = ("/a", "message"), ("/a", "callback"), list[int]()
    statm = attribution._statm
    assert statm is not None
    original = statm.read

    def counted() -> int | None:
        read.append(1)
        return original()

    monkeypatch.setattr(statm, "read", counted)
    run_message(attribution, message, lambda size: called_back(attribution, size), 20)
    run_message(attribution, message, keep, 10)
    run_message(attribution, message, lambda size: called_back(attribution, size), 30)
    assert not read
    assert not attribution.inside()
    assert booked(attribution) == {callback: 60}
    # Another app's message is not of the row, and what is no function holds as ever.
    run_message(attribution, ("/b", "message"), keep, 20)
    run_message(attribution, message, lambda size: called_back(attribution, size, "session_destroy"), 40)
    assert booked(attribution) == {callback: 60, ("/b", "message"): 20, ("/a", "session_destroy"): 40}
    statm.close()


def test_a_function_that_takes_long_is_read_at_its_end(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "CLOSE", 60.0)
    attribution = measured(state)
    attribution._close = 60.0
    number = state.interactions.begin("/a", "event").number
    token = current.set(number)
    attribution.read()

    def slow(size: int) -> None:
        inner = attribution.enter("/a", "callback")
        assert type(inner) is float
        keep(size)
        time.sleep(0.01)
        attribution.leave(inner)
        keep(30)
        time.sleep(0.01)

    run_message(attribution, ("/a", "message"), slow, 50)
    current.reset(token)
    assert round((attribution.change_of(number) or 0) / MB, -1) == 80
    assert booked(attribution) == {("/a", "callback"): 80}


@pytest.mark.parametrize("last", ["message", "callback"])
def test_a_message_that_another_thread_works_beside_is_nobodys(state: State, last: str) -> None:
    attribution = measured(state)
    attribution.read()
    begun, told, grown, ended = (threading.Event() for _ in range(4))

    def gains(size: int) -> None:
        begun.set()
        assert told.wait(10)
        keep(size)
        grown.set()
        if last == "message":
            assert ended.wait(10)

    worker = threading.Thread(target=run_message, args=(attribution, ("/a", "message"), gains, 30))
    worker.start()
    assert begun.wait(10)
    entered = attribution.enter("/b", "callback")
    told.set()
    assert grown.wait(10)
    if last == "callback":
        worker.join(10)
    attribution.leave(entered)
    ended.set()
    worker.join(10)
    # Whose app it counts for depends on whether the thread began within 20 ms of the last reading.
    assert [(activity, size) for (_, activity), size in booked(attribution).items()] == [(UNATTRIBUTED, 30)]


def run_message(attribution: Attribution, owner: tuple[str, str], work: Callable[[int], None], size: int) -> None:
    """Run something as a message, as the hook does."""

    def apart(owner: tuple[str, str], call: Callable[[], object]) -> None:
        entered = attribution.enter(*owner)
        call()
        attribution.leave(entered)

    attribution.run_message(owner, lambda: work(size), apart)


def test_what_is_awaited_does_not_run_so_that_turns_do_not_overlap(state: State) -> None:
    attribution = measured(state)

    async def work(sizes: list[int]) -> None:
        for size in sizes:
            keep(size)
            await asyncio.sleep(0.005)

    async def both() -> None:
        async def run(app: str, sizes: list[int]) -> None:
            await Stepped(attribution, app, "http", work(sizes))

        await asyncio.gather(run("/a", [20, 20]), run("/b", [30, 30, 30]))

    asyncio.run(both())
    assert booked(attribution) == {("/a", "http"): 40, ("/b", "http"): 90}


def test_the_change_of_an_interaction_is_told_where_it_can_be(state: State) -> None:
    attribution = measured(state)
    alone, crowded = (state.interactions.begin("/a", "event").number for _ in range(2))
    assert attribution.change_of(alone) is None
    current.set(alone)
    entered = attribution.enter("/a", "callback")
    keep(20)
    attribution.leave(entered)
    assert round((attribution.change_of(alone) or 0) / MB, -1) == 20

    current.set(crowded)
    entered = attribution.enter("/a", "callback")

    def other() -> None:
        second = attribution.enter("/b", "callback")
        keep(30)
        attribution.leave(second)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    attribution.leave(entered)
    assert attribution.change_of(crowded) is None
    assert booked(attribution) == {("/a", "callback"): 20, ("/a", "unattributed"): 30}
    current.set(0)


def test_a_descriptor_that_somebody_closed_ends_the_numbers_and_nothing_else(state: State) -> None:
    attribution = measured(state)
    statm = attribution._statm
    assert statm is not None
    import os

    os.close(statm._descriptor)
    attribution.leave(attribution.enter("/a", "callback"))
    assert not attribution.measures()
    assert attribution.enter("/a", "callback") is None


def test_absent_without_proc() -> None:
    assert Statm("/nowhere/statm").read() is None
