"""Thread pools: what ``ThreadPoolExecutor`` keeps of its threads and work, and the pools that a loop and Panel have.

Attributes that are not documented, so they are tried before they are used. The wait for a thread has no seam: each
pool's own ``submit`` is wrapped on the instance. What a session hands over is seen at the function of Bokeh's that
does so, which also knows when the event loop goes on.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import importlib.util
from collections.abc import Awaitable, Callable
from threading import get_ident
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .seams import Attribute, Seam

if TYPE_CHECKING:
    from . import Hosts

_POOL = "concurrent.futures.thread:ThreadPoolExecutor"

#: Thread pools that pickle their work (Python 3.14), which our ``submit`` is not made for.
_PICKLING: Any = getattr(concurrent.futures, "InterpreterPoolExecutor", ())
#: What stands for a default executor that cannot be seen.
HIDDEN = object()


def _handing_over(original: Callable[..., Awaitable[Any]], hosts: Hosts) -> Callable[..., Awaitable[Any]]:
    """Wrap what runs a function in a worker; say when it was asked to, began, ended, was heard of, and where."""
    patches, say = hosts.patches, hosts.event("work_handed_over").hot()

    @functools.wraps(original)
    async def run_in_executor(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not patches.on:
            return await original(func, *args, **kwargs)
        asked, began, ended, thread = perf_counter(), 0.0, 0.0, 0

        def timed(*args: Any, **kwargs: Any) -> Any:
            nonlocal began, ended, thread
            began, thread = perf_counter(), get_ident()
            try:
                return func(*args, **kwargs)
            finally:
                ended = perf_counter()

        try:
            return await original(timed, *args, **kwargs)
        finally:
            if began and ended:
                say(asked, began, ended, perf_counter(), thread)

    return run_in_executor


SEAMS = (
    Seam(
        "bokeh.server.session:_run_in_executor", "work_handed_over", ("func",),
        "how long an interaction waits for a worker thread and for the event loop after it", wrap=_handing_over,
        since="3.10", hook="session._run_in_executor",
    ),
)  # fmt: skip

#: Of each pool's own ``submit``, wrapped on the instance.
SUBMIT = Seam(
    f"{_POOL}.submit", "work_submitted", (), "the wait for a worker thread", hook="ThreadPoolExecutor.submit",
)  # fmt: skip

ATTRIBUTES = (
    Attribute(f"{_POOL}._threads", "busy and idle worker threads"),
    Attribute(f"{_POOL}._work_queue", "work that waits for a thread"),
    Attribute(f"{_POOL}._idle_semaphore", "idle worker threads"),
    Attribute(f"{_POOL}._max_workers", "how many worker threads there may be"),
    Attribute(f"{_POOL}._shutdown", "pools that are in use"),
    Attribute("asyncio.base_events:BaseEventLoop._default_executor", "the loop's own pool"),
    Attribute("asyncio.unix_events:_UnixSelectorEventLoop._signal_handlers", "drain of a server that listens already"),
)


def server_has_pools() -> bool:
    """Whether this Bokeh runs callbacks and builds in threads, as 3.10 and newer do."""
    return importlib.util.find_spec("bokeh.server.executor") is not None


def default_executor(loop: asyncio.AbstractEventLoop) -> Any:
    """Return a loop's own pool: None until its first use, :data:`HIDDEN` where it cannot be seen, as on uvloop."""
    return getattr(loop, "_default_executor", HIDDEN)


def is_shut_down(executor: Any) -> bool:
    """Whether a pool takes no more work."""
    return bool(executor._shutdown)


def can_be_read(executor: Any) -> bool:
    """Whether a pool is a ``ThreadPoolExecutor`` as we know it."""
    try:
        is_shut_down(executor), sizes(executor), thread_ids(executor)
    except (AttributeError, TypeError):
        return False
    return not isinstance(executor, _PICKLING)


def sizes(executor: Any) -> tuple[int, int, int, int]:
    """Return busy and idle threads, how many there may be, and how much work waits."""
    threads = len(executor._threads)
    waiting = executor._work_queue.qsize()
    # Older Pythons count threads as idle that have gone on to the next work.
    idle = 0 if waiting else min(threads, max(0, executor._idle_semaphore._value))
    return threads - idle, idle, executor._max_workers, waiting


def thread_ids(executor: Any) -> list[int]:
    """List the identifiers of a pool's threads."""
    return [thread.ident for thread in list(executor._threads) if thread.ident is not None]
