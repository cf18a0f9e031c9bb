"""Runs of C code in which objects can be looked at without anybody seeing it.

Between two lines of Python another thread may run and find what we hold: a list of referents with an app's module
in it is Bokeh's "extra unexpected referrer". A run of iterators in C has no such moment, except one: up to Python 3.11
a garbage collection may begin where C code allocates, and its callbacks and finalizers are Python. So it is off
meanwhile.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from itertools import chain, compress, starmap, tee
from typing import Any, TypeVar

T = TypeVar("T")

_ONCE: tuple[tuple[()]] = ((),)


def unseen(take: Callable[[Iterable[Any]], T], stream: Iterable[Any]) -> T:
    """Return what ``take`` makes of a stream, both C code, with the garbage collector off from beginning to end.

    Args:
        take: must read the stream to its end.
        stream: must make what is not to be seen while it is read, and drop it by its end.
    """
    enabled = gc.isenabled()
    try:
        return take(_undisturbed(stream))
    except BaseException:
        if enabled:  # the end was not reached
            gc.enable()
        raise


def _undisturbed(stream: Iterable[Any]) -> Iterable[Any]:
    # Whether it was on is asked within the run too: the host may switch it on and off for itself.
    before, after = tee(starmap(gc.isenabled, _ONCE))
    off: Iterable[Any] = filter(None, starmap(gc.disable, compress(_ONCE, before)))
    on: Iterable[Any] = filter(None, starmap(gc.enable, compress(_ONCE, after)))
    return chain(off, stream, on)
