"""Who is blamed for a loop that stands still: the function that blocks it, never what started the server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from bokeh_exporter.observe.loop.stacks import blamed

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
