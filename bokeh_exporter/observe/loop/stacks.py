"""Where threads and tasks are: what answers "who blocks?" while nobody else in the process can.

``sys._current_frames`` is one call under the interpreter lock, a few microseconds a thread, and needs
nothing of the blocked thread. Only files, lines and names of functions are shown: no source, no
locals, no ``repr`` of anything, since widget values and tokens live there. Rejected: ``faulthandler``,
which writes to a file descriptor and knows no tasks.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import sysconfig
import threading
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

from ...state.safe_looks import in_c, text_of, type_name
from ..callbacks.names import is_framework

#: Frames of one stack in the log: the user's function is within the last few, Bokeh's way to it is longer.
LINES = 15
#: Frames of one stack where somebody asks for all of them; enough to see a recursion.
_DEPTH = 50
#: Bytes of the whole answer; a server with 100,000 tasks must not build a page of them.
_SIZE = 1_000_000

_OURS = __name__.partition(".")[0]
_LIBRARIES = tuple(
    os.path.join(path, "")  # noqa: PTH118 - a prefix of text
    for key, path in sysconfig.get_paths().items()
    if key in ("stdlib", "platstdlib", "purelib", "platlib")
)
#: Names are the app's choice. One could be a session id, which is a bearer secret: 40 characters and more.
_SECRET = re.compile(r"[\w.-]{32,}")


def stack_of(thread: int, limit: int = LINES) -> list[str]:
    """Return where a thread is, ``file:line function``, the innermost last; empty if it is gone."""
    return _lines(sys._current_frames().get(thread), limit)


def blamed(thread: int) -> str | None:
    """Name the innermost function in a thread that is the user's own, by its stack: ``app.py:slow``."""
    frame = sys._current_frames().get(thread)
    while frame is not None:
        file = frame.f_code.co_filename
        library = file.startswith((*_LIBRARIES, "<")) or is_framework(frame.f_globals.get("__name__"))
        if not library and not _is_ours(frame):
            return f"{file.replace(os.sep, '/').rpartition('/')[2]}:{_qualname(frame)}"
        frame = frame.f_back
    return None


def report(loops: Iterable[tuple[asyncio.AbstractEventLoop, int]]) -> str:
    """Write down every thread and every task of the loops, given with the threads that run them."""
    lines: list[str] = []
    size = 0
    for line in _report(loops):
        size += len(line) + 1
        if size > _SIZE:
            lines.append("... and more: this is cut at 1 MB")
            break
        lines.append(line)
    return "\n".join(lines) + "\n"


def _report(loops: Iterable[tuple[asyncio.AbstractEventLoop, int]]) -> Iterator[str]:
    threads = {thread.ident: thread for thread in threading.enumerate()}
    # All at one moment: a thread that waits for another is seen together with it.
    stacks = {ident: _lines(frame, _DEPTH) for ident, frame in sys._current_frames().items()}
    yield f"{len(stacks)} threads, the innermost frame last"
    for ident, stack in stacks.items():
        thread = threads.get(ident)
        name = _tidy(thread.name) if thread is not None else "(not started by Python)"
        yield ""
        yield f"thread {name}{', daemon' if thread is not None and thread.daemon else ''}"
        yield from (f"  {line}" for line in stack)
    for loop, ident in loops:
        tasks = asyncio.all_tasks(loop)
        thread = threads.get(ident)
        yield ""
        yield f"{len(tasks)} tasks of the event loop in {_tidy(thread.name) if thread is not None else 'no thread'}"
        for task in tasks:
            yield from _task(task)


def _task(task: asyncio.Task[Any]) -> Iterator[str]:
    coroutine: Any = task.get_coro()
    yield ""
    yield f"task {_tidy(task.get_name())}, {_named(coroutine)}"
    for _ in range(_DEPTH):
        frame = _frame_of(coroutine)
        if frame is None:
            break
        if not _is_ours(frame):
            yield f"  {_line(frame)}"
        coroutine = _awaited_by(coroutine, frame)


def _named(coroutine: object) -> str:
    return text_of(in_c(coroutine, "__qualname__")) or type_name(type(coroutine))


def _frame_of(coroutine: Any) -> FrameType | None:
    for attribute in ("cr_frame", "gi_frame", "ag_frame"):
        frame = in_c(coroutine, attribute)
        if type(frame) is FrameType:
            return frame
    return None


def _awaited_by(coroutine: Any, frame: FrameType) -> Any:
    # We step through a user's coroutine by hand (``calls``), which hides it; the local is ours, not the user's.
    if _is_ours(frame) and "awaitable" in frame.f_code.co_varnames:
        return frame.f_locals.get("awaitable")
    for attribute in ("cr_await", "gi_yieldfrom", "ag_await"):
        inner = in_c(coroutine, attribute)
        if inner is not None:
            return inner
    return None


def _lines(frame: FrameType | None, limit: int) -> list[str]:
    lines: list[str] = []
    while frame is not None and len(lines) < limit:
        if not lines or not _is_ours(frame):  # wrappers of ours say nothing; being blocked ourselves does
            lines.append(_line(frame))
        frame = frame.f_back
    return lines[::-1]


def _line(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno or 0} {_qualname(frame)}"


def _qualname(frame: FrameType) -> str:
    name: str = getattr(frame.f_code, "co_qualname", frame.f_code.co_name)  # co_qualname is of Python 3.11
    return name.replace("<locals>.", "")


def _is_ours(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__")
    return isinstance(name, str) and name.partition(".")[0] == _OURS


def _tidy(name: str) -> str:
    return _SECRET.sub(lambda found: f"<{len(found[0])} chars>", "".join(filter(str.isprintable, name)))[:200]
