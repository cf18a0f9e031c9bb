"""Who is blamed for a loop that stands still: the function that blocks it, never what started the server."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from bokeh_exporter.observe.loop.stacks import blamed, depth, stack_of

pytestmark = pytest.mark.once


def blamed_while(make: Callable[[threading.Event], Callable[[], object]]) -> str | None:
    """Return who is blamed while a loop, run by a function of this file, runs what is made."""
    blocked, go_on = threading.Event(), threading.Event()
    loop = asyncio.new_event_loop()

    def main() -> None:
        loop.run_forever()
        loop.close()

    thread = threading.Thread(target=main)
    loop.call_soon(blocked.set)
    loop.call_soon(make(go_on))
    loop.call_soon(loop.stop)
    thread.start()
    try:
        assert blocked.wait(10)
        found = None
        for _ in range(10_000):  # until it stands there
            found = blamed(thread.ident or 0)
            if found is not None:
                break
        return found
    finally:
        go_on.set()
        thread.join(10)


def test_what_started_the_loop_is_not_blamed() -> None:
    assert blamed_while(lambda go_on: go_on.wait) is None


def test_what_blocks_it_is() -> None:
    def make(go_on: threading.Event) -> Callable[[], object]:
        def slow() -> None:
            go_on.wait()

        return slow

    assert (blamed_while(make) or "").startswith("test_blamed.py:")
    assert (blamed_while(make) or "").endswith("slow")


def test_a_loop_without_frames_of_its_own_is_known_by_how_deep_its_ticks_are() -> None:
    """uvloop's is written in C: between the ``main()`` that runs it and a callback there is nothing."""
    blocked, go_on, outside = threading.Event(), threading.Event(), 0

    def tick() -> None:
        nonlocal outside
        outside = depth(sys._getframe(1))

    def main() -> None:
        tick()
        slow()

    def slow() -> None:
        blocked.set()
        go_on.wait()

    thread = threading.Thread(target=main)
    thread.start()
    try:
        assert blocked.wait(10)
        assert (blamed(thread.ident or 0, outside) or "").endswith("slow")
        assert blamed(thread.ident or 0, outside + 1) is None
    finally:
        go_on.set()
        thread.join(10)


def test_what_is_ours_is_not_where_a_thread_stands_while_others_run() -> None:
    """A thread that waits for the interpreter lock gets it in our callback of the collector, at the end of one."""
    running = threading.Event()
    ours: dict[str, Any] = {"__name__": "bokeh_exporter.observe.memory.garbage", "over": [], "running": running}
    exec("def collecting():\n    running.set()\n    while not over:\n        pass", ours)

    def imports() -> None:
        ours["collecting"]()

    for target, innermost in ((imports, "imports"), (ours["collecting"], "run")):
        running.clear()
        ours["over"].clear()
        thread = threading.Thread(target=target)
        thread.start()
        try:
            assert running.wait(10)
            assert stack_of(thread.ident or 0)[-1].endswith(innermost)
        finally:
            ours["over"].append(True)
            thread.join(10)
