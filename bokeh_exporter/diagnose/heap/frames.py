"""The local variables of frames, read so that nobody sees it and nothing stays.

Before Python 3.13 a frame's ``f_locals`` is a copy that lives as long as the frame, so that of a thread's
endless loop would hold for ever what its variables held once. It is emptied in the same run of C
code that read it. Where a function may have taken that very copy with ``locals()``, and
where somebody traces the frame, it is not touched.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, compress, repeat, starmap
from operator import attrgetter, methodcaller
from types import CodeType, FrameType
from typing import Any

from .atomic_reads import unseen

_OPTIMIZED = 0x1
#: Names with which a function may get hold of its frame's copy.
_TAKES = {"locals", "vars", "eval", "exec", "dir"}
_PROXY = sys.version_info >= (3, 13)
_get = attrgetter("f_locals")
_keys: Any = methodcaller("keys") if _PROXY else dict.keys
_values: Any = methodcaller("values") if _PROXY else dict.values


@dataclass(frozen=True)
class Local:
    """A variable of a running function."""

    thread: int
    code: CodeType
    line: int
    name: str


def _readable(frame: FrameType) -> bool:
    code = frame.f_code
    return _PROXY or (frame.f_trace is None and not _TAKES.intersection(code.co_names))


def _emptied(frame: FrameType) -> Iterator[Any]:
    if _PROXY or not frame.f_code.co_flags & _OPTIMIZED:
        return iter(())
    return map(dict.clear, map(_get, repeat(frame, 1)))


def _names(frame: FrameType) -> Iterator[str]:
    return chain.from_iterable(map(_keys, map(_get, repeat(frame, 1))))


def _held(frame: FrameType) -> Iterator[Any]:
    # Neither items nor tee: what those made last outlives the run.
    return chain.from_iterable(map(_values, map(_get, repeat(frame, 1))))


def local_ids(frame: FrameType) -> list[tuple[str, int]]:
    """Return the names of a frame's variables, and the ``id`` of what each holds."""
    if not _readable(frame):
        return []
    try:
        found = unseen(list, chain(zip(_names(frame), map(id, _held(frame)), strict=True), _emptied(frame)))
    except RuntimeError:  # seen on Python 3.10: a variable came or went meanwhile, and one frame is no search
        return []
    return [each for each in found if each is not None]


def local(frame: FrameType, name: str, key: int) -> Any:
    """Return what a variable holds, if it is what has that ``id``.

    Raises:
        LookupError: it is not, or not any more.
    """
    if not _readable(frame):
        raise LookupError("the frame cannot be read")
    same = starmap(_both, zip(map(name.__eq__, _names(frame)), map(key.__eq__, map(id, _held(frame))), strict=True))
    try:
        found = unseen(list, chain(compress(_held(frame), chain(same, repeat(False))), _emptied(frame)))
    except RuntimeError:
        raise LookupError("the frame changes") from None
    if not found or id(found[0]) != key:
        raise LookupError("the variable holds something else")
    return found[0]


#: ``a and b`` of two booleans, in C.
_both = bool.__and__


def running() -> Iterator[tuple[Local, FrameType, list[tuple[str, int]]]]:
    """Yield the frames of all threads but this, and what their variables hold."""
    own = threading.get_ident()
    for thread in list(sys._current_frames()):
        frame = sys._current_frames().get(thread) if thread != own else None
        while frame is not None:
            yield Local(thread, frame.f_code, frame.f_lineno or 0, ""), frame, local_ids(frame)
            frame = frame.f_back


def find(wanted: Local, key: int) -> Any:
    """Return what a variable of a running function holds, as :func:`local`."""
    frame = sys._current_frames().get(wanted.thread)
    while frame is not None:
        if frame.f_code is wanted.code:
            try:
                return local(frame, wanted.name, key)
            except LookupError:
                pass
        frame = frame.f_back
    raise LookupError("the function has returned")


def thread_name(ident: int) -> str:
    """Return the name of a thread."""
    for thread in threading.enumerate():
        if thread.ident == ident:
            return thread.name
    return "not started by Python"
