"""What changes while a search looks: timers that are replaced, variables that come and go."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import weakref
from types import FrameType
from typing import Any

import pytest

from bokeh_exporter.diagnose.heap import explain as searching
from bokeh_exporter.diagnose.heap import frames
from bokeh_exporter.diagnose.heap.answers import Explanation
from bokeh_exporter.diagnose.heap.holders import Target
from bokeh_exporter.diagnose.heap.picture import Heap, picture
from bokeh_exporter.diagnose.heap.roots import Host

_LONG = 60.0


class Doc:
    """What leaks."""


class Ticking:
    """Has a timer that has it, as tornado's PeriodicCallback."""

    def __init__(self, loop: asyncio.AbstractEventLoop, doc: Doc) -> None:
        self.doc = doc
        self.timer = loop.call_later(1000, self.tick)

    def tick(self) -> None: ...


def test_what_hangs_on_a_timer_that_was_replaced_while_the_picture_was_taken_is_no_garbage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop: Any = asyncio.SelectorEventLoop()
    made = Doc()
    ticking = weakref.ref(Ticking(loop, made))
    target = Target("/app", "document", weakref.ref(made), time.monotonic(), "Doc")
    del made

    def torn(*arguments: Any, **given: Any) -> Heap:
        # The loop's list was read before the new timer was in it, and the rest when the old one was there no more.
        loop._scheduled.clear()
        taken = picture(*arguments, **given)
        loop._scheduled.append(ticking().timer)  # type: ignore[union-attr]
        return taken

    monkeypatch.setattr(searching, "picture", torn)
    found: list[Explanation] = []

    def search() -> None:
        found.append(searching.explain([target], lambda: [Host("event loop", "", weakref.ref(loop))]))

    thread = threading.Thread(target=search)
    gc.collect()
    gc.disable()  # for a moment it is garbage, indeed
    try:
        thread.start()
        thread.join()
    finally:
        gc.enable()
        loop.close()
    (held,) = found[0].retained
    assert held.root() == "event loop._scheduled"
    assert held.text().startswith("event loop._scheduled[0] -> timer")


class Last:
    """Something whose end lets another thread go on."""

    def __init__(self, end: Any) -> None:
        self._end = end

    def __del__(self) -> None:
        self._end()


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="there the variables are read where they are, and no copy is")
def test_a_frame_whose_variables_come_and_go_while_they_are_read_is_left_out() -> None:
    """A reader's copy may hold something last, and what it runs when it goes lets the frame's thread run on."""
    read, rebound, go, come, ended = (threading.Event() for _ in range(5))

    def end() -> None:
        go.set()
        come.wait(_LONG)

    def work(early: Any, given: list[Any]) -> None:
        del early
        held: Any = given.pop()
        read.wait(_LONG)
        held = None  # noqa: F841
        rebound.set()
        go.wait(_LONG)
        early = 1  # noqa: F841
        come.set()
        ended.wait(_LONG)

    def changing() -> tuple[threading.Thread, FrameType]:
        """Return a thread, and its frame of which a copy of the variables holds what the frame holds no more."""
        for event in (read, rebound, go, come, ended):
            event.clear()
        thread = threading.Thread(target=lambda: work(None, [Last(end)]))
        thread.start()
        frame = None
        while frame is None or frame.f_code is not work.__code__:
            frame = frame.f_back if frame is not None else sys._current_frames().get(thread.ident or 0)
        while "held" not in frame.f_locals:  # it has only just begun
            time.sleep(0.01)
        read.set()
        assert rebound.wait(_LONG)
        return thread, frame

    for look in (frames.local_ids, lambda frame: frames.local(frame, "held", 1)):
        thread, frame = changing()
        try:
            if look is frames.local_ids:
                assert look(frame) == []
            else:
                with pytest.raises(LookupError, match="the frame changes"):
                    look(frame)
            assert come.is_set()
            assert "early" in dict(frames.local_ids(frame))  # and the next look reads it
        finally:
            ended.set()
            thread.join()
