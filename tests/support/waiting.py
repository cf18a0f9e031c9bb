"""Waiting on a condition with a deadline: what tests do in place of sleeping."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")

#: Seconds between two looks: short against what is waited for, long against what a look costs. A scrape costs 15 ms of
#: both sides' processor time, so whoever waits for long looks less often: tests beside it have the same two cores.
INTERVAL, LATER, LONG = 0.05, 0.15, 0.5


def wait_until(
    condition: Callable[[], T | None],
    timeout: float = 20.0,
    message: str = "",
    *,
    ignoring: tuple[type[Exception], ...] = (),
    interval: float = INTERVAL,
) -> T:
    """Return the first truthy value of ``condition``.

    ``message`` says what is awaited; without it the condition's own source does. Exceptions of the
    kinds in ``ignoring`` (a refused connection, say) count as "not yet".

    Raises:
        AssertionError: ``timeout`` seconds went by; it tells the last value or exception.
    """
    wait = _Wait(condition, timeout, message)
    while True:
        try:
            value = condition()
        except ignoring as error:
            wait.missed(error)
        else:
            if value:
                return value
            wait.missed(value)
        time.sleep(wait.pause(interval))


async def wait_until_async(
    condition: Callable[[], Awaitable[T | None]],
    timeout: float = 20.0,
    message: str = "",
    *,
    ignoring: tuple[type[Exception], ...] = (),
    interval: float = INTERVAL,
) -> T:
    """:func:`wait_until` for a test that runs on an event loop; ``condition`` is async too."""
    wait = _Wait(condition, timeout, message)
    while True:
        try:
            value = await condition()
        except ignoring as error:
            wait.missed(error)
        else:
            if value:
                return value
            wait.missed(value)
        await asyncio.sleep(wait.pause(interval))


class _Wait:
    """The deadline, and the words that are said when it has passed."""

    def __init__(self, condition: Callable[[], object], timeout: float, message: str) -> None:
        self._condition, self._timeout, self._message = condition, timeout, message
        self._begun = time.monotonic()
        self._deadline = self._begun + timeout

    def pause(self, interval: float) -> float:
        """Return the seconds until the next look."""
        return max(interval, LATER) if time.monotonic() - self._begun > LONG else interval

    def missed(self, last: object) -> None:
        """Raise once the deadline has passed."""
        if time.monotonic() < self._deadline:
            return
        text = f"{self._message or _source(self._condition)}: still {last!r} after {self._timeout:g} s"
        raise AssertionError(text) from (last if isinstance(last, Exception) else None)


def _source(condition: Callable[..., Any]) -> str:
    try:
        return " ".join(inspect.getsource(condition).split())
    except (OSError, TypeError):
        return repr(condition)
