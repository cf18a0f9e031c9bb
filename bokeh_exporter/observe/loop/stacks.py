"""Where threads and tasks are: what answers "who blocks?" while nobody else in the process can.

``sys._current_frames`` is one call under the interpreter lock, a few microseconds a thread, and needs
nothing of the blocked thread. Only files, lines and names of functions are shown: no source, no
locals, no ``repr`` of anything, since widget values and tokens live there. Rejected: ``faulthandler``,
which writes to a file descriptor and knows no tasks.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any

from ...state.python_paths import LIBRARIES
from ...state.safe_looks import in_c, type_name
from ...state.wording import code_file, code_name, given_name
from ..callbacks.names import is_framework

#: Frames of one stack in the log: the user's function is within the last few, Bokeh's way to it is longer.
LINES = 15
#: Frames of one stack where somebody asks for all of them; enough to see a recursion.
_DEPTH = 50
#: Bytes of the whole answer; a server with 100,000 tasks must not build a page of them.
_SIZE = 1_000_000

_OURS = __name__.partition(".")[0]
#: Whether the code of a file has a text as a literal: an app may name a thread by what somebody typed.
IsLiteral = Callable[[str, str], bool]


def stack_of(thread: int, limit: int = LINES) -> list[str]:
    """Return where a thread is, ``file:line function``, the innermost last; empty if it is gone.

    Without what is ours, unless nothing else runs: a hook or a callback of the garbage collector is seen innermost
    since a thread that waits for the interpreter lock gets it there, not since it takes long.
    """
    innermost = frame = sys._current_frames().get(thread)
    while frame is not None and _is_ours(frame):
        frame = frame.f_back
    nothing_else = frame is None or _runs_callbacks(frame)
    return _lines(innermost if nothing_else else frame, limit)


def awaiting(task: asyncio.Task[Any]) -> str | None:
    """Name the outermost function of the user's that a task runs: ``app.py:wait``."""
    coroutine: Any = task.get_coro()
    for _ in range(_DEPTH):
        frame = _frame_of(coroutine)
        if frame is None:
            return None
        if not _is_library(frame) and not _is_ours(frame):
            return _named_by_file(frame)
        coroutine = _awaited_by(coroutine, frame)
    return None


def depth(frame: FrameType | None) -> int:
    """Count the frames from one to the outermost."""
    count = 0
    while frame is not None:
        count, frame = count + 1, frame.f_back
    return count


def sweeps(thread: int) -> bool:
    """Whether Bokeh discards sessions in a thread that nobody looks at any more."""
    frame = sys._current_frames().get(thread)
    while frame is not None and not _runs_the_loop(frame):
        if frame.f_code.co_name == "_cleanup_sessions" and frame.f_globals.get("__name__") == "bokeh.server.contexts":
            return True
        frame = frame.f_back
    return False


def blamed(thread: int, outside: int = 0) -> str | None:
    """Name the innermost function in a thread that is the user's own, by its stack: ``app.py:slow``.

    Args:
        thread: which one.
        outside: how many of its outermost frames run the event loop. They started the server, as ``bin/bokeh`` or a
            ``main()`` does, and block nothing. uvloop has no frame of its own by which they could be told.
    """
    frame = sys._current_frames().get(thread)
    inside = depth(frame) - outside
    while frame is not None and not _runs_the_loop(frame) and inside > 0:
        inside -= 1
        if not _is_library(frame) and not _is_ours(frame):
            return _named_by_file(frame)
        frame = frame.f_back
    return None


def _is_library(frame: FrameType) -> bool:
    return _of_library(frame.f_code.co_filename) or is_framework(frame.f_globals.get("__name__"))


def _named_by_file(frame: FrameType) -> str:
    return f"{code_file(frame.f_code).replace(os.sep, '/').rpartition('/')[2]}:{_qualname(frame)}"


def _runs_callbacks(frame: FrameType) -> bool:
    """Whether a frame is that of a loop which calls what is due; under uvloop it may be any, and ours are shown."""
    return frame.f_code.co_name == "_run" and frame.f_globals.get("__name__") == "asyncio.events"


def _runs_the_loop(frame: FrameType) -> bool:
    return frame.f_code.co_name == "run_forever" and frame.f_globals.get("__name__") == "asyncio.base_events"


def report(loops: Iterable[tuple[asyncio.AbstractEventLoop, int]], is_literal: IsLiteral) -> str:
    """Write down every thread and every task of the loops, given with the threads that run them."""
    lines: list[str] = []
    size = 0
    for line in _report(loops, is_literal):
        size += len(line) + 1
        if size > _SIZE:
            lines.append("... and more: this is cut at 1 MB")
            break
        lines.append(line)
    return "\n".join(lines) + "\n"


def _report(loops: Iterable[tuple[asyncio.AbstractEventLoop, int]], is_literal: IsLiteral) -> Iterator[str]:
    threads = {thread.ident: thread for thread in threading.enumerate()}
    # All at one moment: a thread that waits for another is seen together with it.
    frames = sys._current_frames()
    stacks = {ident: _lines(frame, _DEPTH) for ident, frame in frames.items()}
    files = {ident: files_of(frame) for ident, frame in frames.items()}
    del frames

    def named(name: str, ident: int) -> str:
        return given_name(name, lambda text: any(is_literal(file, text) for file in files.get(ident, ())))

    yield f"{len(stacks)} threads, the innermost frame last"
    for ident, stack in stacks.items():
        thread = threads.get(ident)
        name = named(thread.name, ident) if thread is not None else "(not started by Python)"
        yield ""
        yield f"thread {name}{', daemon' if thread is not None and thread.daemon else ''}"
        yield from (f"  {line}" for line in stack)
    for loop, ident in loops:
        tasks = asyncio.all_tasks(loop)
        thread = threads.get(ident)
        yield ""
        where = named(thread.name, ident) if thread is not None else "no thread"
        yield f"{len(tasks)} tasks of the event loop in {where}"
        for task in tasks:
            yield from _task(task, is_literal)


def _of_library(file: str) -> bool:
    return file.replace("\\", "/").startswith((*LIBRARIES, "<"))


def files_of(frame: FrameType | None) -> set[str]:
    """Return the files of the users' code on a stack."""
    files: set[str] = set()
    while frame is not None:
        if not _of_library(frame.f_code.co_filename):
            files.add(frame.f_code.co_filename)
        frame = frame.f_back
    return files


def _task(task: asyncio.Task[Any], is_literal: IsLiteral) -> Iterator[str]:
    coroutine: Any = task.get_coro()
    yield ""
    frame = _frame_of(coroutine)
    name = given_name(task.get_name(), lambda text: frame is not None and is_literal(frame.f_code.co_filename, text))
    yield f"task {name}, {_named(coroutine, frame)}"
    for _ in range(_DEPTH):
        frame = _frame_of(coroutine)
        if frame is None:
            break
        if not _is_ours(frame):
            yield f"  {_line(frame)}"
        coroutine = _awaited_by(coroutine, frame)


def _named(coroutine: object, frame: FrameType | None) -> str:
    return code_name(frame.f_code) if frame is not None else type_name(type(coroutine))


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
    return f"{code_file(frame.f_code)}:{frame.f_lineno or 0} {_qualname(frame)}"


def _qualname(frame: FrameType) -> str:
    return code_name(frame.f_code)


def _is_ours(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__")
    return isinstance(name, str) and name.partition(".")[0] == _OURS
